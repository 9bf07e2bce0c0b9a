//! A smaller WebAssembly: functions that never run lose their bodies, and those with the same body become one.
//!
//! The compiler cannot do either. Every part of a page whose type is erased (`AnyView` of Leptos) holds a pointer to its
//! function for hydration in steps, which only programs that load pages lazily call, and no pass of the compiler merges
//! functions for this target.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use walrus::ir::{VisitorMut, dfs_pre_order_mut};
use walrus::{ElementItems, FunctionBuilder, FunctionId, FunctionKind, Module, ModuleConfig};
use wasmparser::{Operator, Parser, Payload};

/// Functions of the hydration in steps, and what is compiled for it only. The console never loads a page lazily
/// (`hydrate_body`, not `hydrate_lazy`).
const UNUSED: &str = "hydrate_async";

/// Returns the module without what it does not need. It has no names of functions any more.
pub fn shrink(wasm: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut module = parse(wasm)?;
    empty_unused(&mut module);
    walrus::passes::gc::run(&mut module);
    let wasm = module.emit_wasm();
    let mut module = parse(&wasm)?;
    merge(&mut module, &same(&wasm)?);
    walrus::passes::gc::run(&mut module);
    Ok(module.emit_wasm())
}

fn parse(wasm: &[u8]) -> anyhow::Result<Module> {
    ModuleConfig::new().generate_name_section(false).generate_producers_section(false).parse(wasm)
}

/// Replaces the bodies of unused functions. One that runs nevertheless stops the program, which the tests of every page
/// notice.
fn empty_unused(module: &mut Module) {
    let is_unused = |name: Option<&str>| name.is_some_and(|name| name.contains(UNUSED));
    let unused: Vec<_> = module
        .funcs
        .iter()
        .filter(|function| matches!(function.kind, FunctionKind::Local(_)) && is_unused(function.name.as_deref()))
        .map(|function| (function.id(), function.ty()))
        .collect();
    for (id, kind) in unused {
        let (parameters, results) = module.types.params_results(kind);
        let (parameters, results) = (parameters.to_vec(), results.to_vec());
        let arguments = parameters.iter().map(|kind| module.locals.add(*kind)).collect();
        let mut body = FunctionBuilder::new(&mut module.types, &parameters, &results);
        body.func_body().unreachable();
        module.funcs.get_mut(id).kind = FunctionKind::Local(body.local_func(arguments));
    }
}

/// A function: the class of its type and instructions, and the functions that it names.
struct Body {
    class: usize,
    names: Vec<u32>,
}

/// For each function the first one that does the same: the coarsest partition in which functions of a class have the
/// same type and instructions, and name functions of the same classes.
#[expect(clippy::wildcard_enum_match_arm, reason = "the other sections name no function by a call")]
fn same(wasm: &[u8]) -> anyhow::Result<Vec<u32>> {
    let (mut imports, mut kinds, mut bodies) = (0_usize, Vec::new(), Vec::<Body>::new());
    let mut classes = HashMap::new();
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    imports += usize::from(matches!(import?.ty, wasmparser::TypeRef::Func(_)));
                }
            }
            Payload::FunctionSection(section) => kinds = section.into_iter().collect::<Result<Vec<u32>, _>>()?,
            Payload::CodeSectionEntry(body) => {
                let (mut plain, mut names, mut copied) = (Vec::new(), Vec::new(), body.range().start);
                let mut reader = body.get_operators_reader()?;
                while !reader.eof() {
                    let start = reader.original_position();
                    let operator = reader.read()?;
                    if let Operator::Call { function_index }
                    | Operator::ReturnCall { function_index }
                    | Operator::RefFunc { function_index } = operator
                    {
                        // Without the number, but with the instruction.
                        plain.extend_from_slice(wasm.get(copied..=start).unwrap_or_default());
                        copied = reader.original_position();
                        names.push(function_index);
                    }
                }
                plain.extend_from_slice(wasm.get(copied..body.range().end).unwrap_or_default());
                let (kind, next) = (kinds.get(bodies.len()).copied(), classes.len());
                bodies.push(Body { class: *classes.entry((kind, plain)).or_insert(next), names });
            }
            _ => {}
        }
    }
    // An import is a class of its own, after those of bodies.
    let mut number = classes.len();
    let mut of: Vec<usize> = (0..imports).map(|index| number + index).collect();
    of.extend(bodies.iter().map(|body| body.class));
    loop {
        let mut finer = HashMap::new();
        let mut next: Vec<usize> = Vec::with_capacity(of.len());
        for (index, class) in of.iter().enumerate() {
            let body = index.checked_sub(imports).and_then(|index| bodies.get(index));
            let names: Vec<_> = body
                .map(|body| body.names.iter().map(|name| of.get(*name as usize).copied()).collect())
                .unwrap_or_default();
            let fresh = finer.len();
            next.push(*finer.entry((*class, names)).or_insert(fresh));
        }
        let is_stable = finer.len() == number;
        (number, of) = (finer.len(), next);
        if is_stable {
            break;
        }
    }
    let mut first = HashMap::new();
    let first_of = of.iter().zip(0_u32..).map(|(class, index)| match first.entry(*class) {
        Entry::Occupied(first) => *first.get(),
        Entry::Vacant(place) => *place.insert(index),
    });
    Ok(first_of.collect())
}

/// Names the first function of each class where another one is named.
fn merge(module: &mut Module, first: &[u32]) {
    // The module keeps the order of the file.
    let ids: Vec<FunctionId> = module.funcs.iter().map(walrus::Function::id).collect();
    let target = ids.iter().zip(first).filter_map(|(id, first)| Some((*id, *ids.get(*first as usize)?)));
    let mut target = Targets(target.filter(|(id, first)| id != first).collect());
    for (_, function) in module.funcs.iter_local_mut() {
        let entry = function.entry_block();
        dfs_pre_order_mut(&mut target, function, entry);
    }
    for element in module.elements.iter_mut() {
        if let ElementItems::Functions(functions) = &mut element.items {
            for function in functions {
                target.visit_function_id_mut(function);
            }
        }
    }
}

/// What is named instead of a function.
struct Targets(HashMap<FunctionId, FunctionId>);

impl VisitorMut for Targets {
    fn visit_function_id_mut(&mut self, function: &mut FunctionId) {
        if let Some(target) = self.0.get(function) {
            *function = *target;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use walrus::ir::BinaryOp;
    use walrus::{ConstExpr, ElementKind, RefType, ValType};

    /// A function that adds `number` to its argument, with the result of `callee` if there is one.
    fn adder(module: &mut Module, name: &str, number: i32, callee: Option<FunctionId>) -> FunctionId {
        let argument = module.locals.add(ValType::I32);
        let mut builder = FunctionBuilder::new(&mut module.types, &[ValType::I32], &[ValType::I32]);
        let mut body = builder.func_body();
        body.local_get(argument);
        if let Some(callee) = callee {
            body.call(callee);
        }
        body.i32_const(number).binop(BinaryOp::I32Add);
        let id = builder.finish(vec![argument], &mut module.funcs);
        module.funcs.get_mut(id).name = Some(name.to_owned());
        id
    }

    /// A module whose table names these functions.
    fn with_table(mut module: Module, functions: Vec<FunctionId>) -> Vec<u8> {
        let size = functions.len() as u64;
        let table = module.tables.add_local(false, size, Some(size), RefType::FUNCREF);
        module.exports.add("table", table);
        let kind = ElementKind::Active { table, offset: ConstExpr::Value(walrus::ir::Value::I32(0)) };
        let element = module.elements.add(kind, ElementItems::Functions(functions));
        module.tables.get_mut(table).elem_segments.insert(element);
        module.emit_wasm()
    }

    fn functions_after(wasm: &[u8]) -> usize {
        Module::from_buffer(&shrink(wasm).unwrap()).unwrap().funcs.iter().count()
    }

    #[test]
    fn functions_that_do_the_same_become_one() {
        let mut module = Module::default();
        let [a, b] = ["a", "b"].map(|name| adder(&mut module, name, 1, None));
        let [above_a, above_b] = [a, b].map(|callee| adder(&mut module, "above", 2, Some(callee)));
        assert_eq!(functions_after(&with_table(module, vec![above_a, above_b])), 2, "one above one");
    }

    #[test]
    fn functions_that_differ_stay() {
        let mut module = Module::default();
        let functions = [1, 2].map(|number| adder(&mut module, "a", number, None));
        assert_eq!(functions_after(&with_table(module, functions.to_vec())), 2);
    }

    #[test]
    fn what_only_unused_functions_call_is_removed() {
        let mut module = Module::default();
        let callee = adder(&mut module, "callee", 1, None);
        let unused = adder(&mut module, "part::hydrate_async", 2, Some(callee));
        assert_eq!(functions_after(&with_table(module, vec![unused])), 1);
    }
}
