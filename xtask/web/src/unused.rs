//! The hydration in steps, which the console never starts: it loads no page lazily (`hydrate_body`, not
//! `hydrate_lazy`).

use std::collections::{HashMap, HashSet};
use walrus::ir::{Value, Visitor, dfs_in_order};
use walrus::{ConstExpr, DataKind, ElementItems, ElementKind, FunctionBuilder, FunctionId, FunctionKind, Module};

/// Name of the function that makes the steps.
const UNUSED: &str = "hydrate_async";
/// The end of the name of a step.
const STEP: &str = "::{{closure}}";
/// The start of the name of what drops a value.
const DROP: &str = "core::ptr::drop_in_place<";
/// Bytes from the first word of the table of a future's functions, which drops it, to the one that runs it.
const TO_STEP: u32 = 12;

/// Whether a function of this name is a step, or makes one.
fn is_step(name: &str) -> bool {
    let path = name.rsplit_once("::h").map_or(name, |(path, _)| path);
    let outer = path.trim_end_matches(STEP);
    outer.ends_with(UNUSED) && (outer.len() < path.len() || outer.ends_with("into_any::hydrate_async"))
}

/// Replaces the bodies of the steps, and of what drops steps only. A function that runs nevertheless stops the program,
/// which the tests of every page notice.
pub fn empty(module: &mut Module) {
    let steps = named(module, is_step);
    let drops = drops_of(module, &steps);
    for id in steps.into_iter().chain(drops) {
        let kind = module.funcs.get(id).ty();
        let (parameters, results) = module.types.params_results(kind);
        let (parameters, results) = (parameters.to_vec(), results.to_vec());
        let arguments = parameters.iter().map(|kind| module.locals.add(*kind)).collect();
        let mut body = FunctionBuilder::new(&mut module.types, &parameters, &results);
        body.func_body().unreachable();
        module.funcs.get_mut(id).kind = FunctionKind::Local(body.local_func(arguments));
    }
}

fn named(module: &Module, is_one: impl Fn(&str) -> bool) -> HashSet<FunctionId> {
    let is_one = |function: &&walrus::Function| {
        matches!(function.kind, FunctionKind::Local(_)) && function.name.as_deref().is_some_and(&is_one)
    };
    module.funcs.iter().filter(is_one).map(walrus::Function::id).collect()
}

/// What drops the steps, and nothing else. The compiler may use one function to drop values of several types, so the
/// name is not enough: no other function may call it, and each table of functions with it must have a step, too.
fn drops_of(module: &Module, steps: &HashSet<FunctionId>) -> HashSet<FunctionId> {
    let mut drops = named(module, |name| name.starts_with(DROP) && name.contains(UNUSED));
    let places = places(module);
    let words = words(module);
    for (address, word) in &words {
        let Some(function) = places.get(word) else { continue };
        let step = words.get(&(address + TO_STEP)).and_then(|word| places.get(word));
        if drops.contains(function) && !step.is_some_and(|step| steps.contains(step)) {
            drops.remove(function);
        }
    }
    let callers = callers(module, &drops);
    loop {
        let is_unused = |caller: &FunctionId| steps.contains(caller) || drops.contains(caller);
        let used: Vec<_> = callers
            .iter()
            .filter(|(callee, callers)| drops.contains(*callee) && !callers.iter().all(is_unused))
            .map(|(callee, _)| *callee)
            .collect();
        if used.is_empty() {
            return drops;
        }
        for function in used {
            drops.remove(&function);
        }
    }
}

/// The functions of the module's table, by their place.
fn places(module: &Module) -> HashMap<u32, FunctionId> {
    let mut places = HashMap::new();
    for element in module.elements.iter() {
        if let (
            ElementKind::Active { offset: ConstExpr::Value(Value::I32(start)), .. },
            ElementItems::Functions(functions),
        ) = (&element.kind, &element.items)
        {
            places.extend((start.cast_unsigned()..).zip(functions.iter().copied()));
        }
    }
    places
}

/// The words of the module's data, by their address.
fn words(module: &Module) -> HashMap<u32, u32> {
    let mut words = HashMap::new();
    for data in module.data.iter() {
        let DataKind::Active { offset: ConstExpr::Value(Value::I32(start)), .. } = data.kind else { continue };
        let start = start.cast_unsigned();
        let skipped = start.next_multiple_of(4) - start;
        let aligned = data.value.get(skipped as usize..).unwrap_or_default();
        let (aligned, _) = aligned.as_chunks::<4>();
        words.extend((start + skipped..).step_by(4).zip(aligned.iter().map(|word| u32::from_le_bytes(*word))));
    }
    words
}

/// The functions that call or name each of `callees`.
fn callers(module: &Module, callees: &HashSet<FunctionId>) -> HashMap<FunctionId, HashSet<FunctionId>> {
    struct Named<'a> {
        callees: &'a HashSet<FunctionId>,
        caller: FunctionId,
        callers: HashMap<FunctionId, HashSet<FunctionId>>,
    }

    impl Visitor<'_> for Named<'_> {
        fn visit_function_id(&mut self, function: &FunctionId) {
            if self.callees.contains(function) {
                self.callers.entry(*function).or_default().insert(self.caller);
            }
        }
    }

    let mut callers = HashMap::new();
    for (caller, function) in module.funcs.iter_local() {
        let mut named = Named { callees, caller, callers };
        dfs_in_order(&mut named, function, function.entry_block());
        callers = named.callers;
    }
    callers
}
