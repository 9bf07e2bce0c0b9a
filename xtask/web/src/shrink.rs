//! A smaller WebAssembly: functions that never run lose their bodies, those with the same body become one, and similar
//! ones follow each other, where they compress better.
//!
//! The compiler cannot do the first two. Every part of a page whose type is erased (`AnyView` of Leptos) holds a
//! pointer to its function for hydration in steps, which only programs that load pages lazily call, and no pass of the
//! compiler merges functions for this target.

use crate::unused;
use anyhow::anyhow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::convert::Infallible;
use walrus::ModuleConfig;
use wasm_encoder::reencode::{Error, Reencode};
use wasm_encoder::{CodeSection, FunctionSection};
use wasmparser::{CodeSectionReader, FunctionSectionReader, Operator, Parser, Payload};

/// Returns the module without what it does not need. It has no names of functions any more.
pub fn shrink(wasm: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut module = ModuleConfig::new().generate_name_section(false).generate_producers_section(false).parse(wasm)?;
    unused::empty(&mut module);
    walrus::passes::gc::run(&mut module);
    arrange(&module.emit_wasm())
}

/// A function: its type and instructions without the numbers of the functions that it names, and these numbers.
struct Body {
    plain: (u32, Vec<u8>),
    names: Vec<u32>,
}

/// The number of imported functions, and the functions of the module.
#[expect(clippy::wildcard_enum_match_arm, reason = "the other sections contain no function")]
fn bodies(wasm: &[u8]) -> anyhow::Result<(usize, Vec<Body>)> {
    let (mut imports, mut kinds, mut bodies) = (0, Vec::new(), Vec::new());
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
                        // With the instruction.
                        plain.extend_from_slice(wasm.get(copied..=start).unwrap_or_default());
                        copied = reader.original_position();
                        names.push(function_index);
                    }
                }
                plain.extend_from_slice(wasm.get(copied..body.range().end).unwrap_or_default());
                bodies.push(Body { plain: (kinds.get(bodies.len()).copied().unwrap_or_default(), plain), names });
            }
            _ => {}
        }
    }
    Ok((imports, bodies))
}

/// For each function the first one that does the same: the coarsest partition in which functions of a class have the
/// same type and instructions, and name functions of the same classes.
fn same(imports: usize, bodies: &[Body]) -> Vec<usize> {
    // An import is the only one of its class.
    let mut classes = HashMap::new();
    let mut of: Vec<usize> = (0..imports).collect();
    for body in bodies {
        let next = imports + classes.len();
        of.push(*classes.entry(&body.plain).or_insert(next));
    }
    let mut number = imports + classes.len();
    loop {
        let mut finer = HashMap::new();
        let mut next = Vec::with_capacity(of.len());
        for (index, class) in of.iter().enumerate() {
            let body = index.checked_sub(imports).and_then(|index| bodies.get(index));
            let names: Vec<Option<usize>> =
                body.iter().flat_map(|body| &body.names).map(|name| of.get(*name as usize).copied()).collect();
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
    let first_of = of.iter().enumerate().map(|(index, class)| match first.entry(*class) {
        Entry::Occupied(first) => *first.get(),
        Entry::Vacant(place) => *place.insert(index),
    });
    first_of.collect()
}

/// Keeps one of the functions that do the same, and sorts the functions by their instructions.
fn arrange(wasm: &[u8]) -> anyhow::Result<Vec<u8>> {
    let (imports, bodies) = bodies(wasm)?;
    let first = same(imports, &bodies);
    let mut kept: Vec<usize> =
        (0..bodies.len()).filter(|index| first.get(imports + index) == Some(&(imports + index))).collect();
    // Without the bytes of large numbers, most of which differ between similar functions.
    let start = |body: &Body| body.plain.1.iter().copied().filter(u8::is_ascii).take(200).collect::<Vec<u8>>();
    kept.sort_by_cached_key(|index| bodies.get(*index).map(start));
    let mut numbers: Vec<usize> = (0..first.len()).collect();
    for (place, index) in kept.iter().enumerate() {
        if let Some(number) = numbers.get_mut(imports + index) {
            *number = imports + place;
        }
    }
    let number_of =
        |first: &usize| numbers.get(*first).and_then(|number| u32::try_from(*number).ok()).unwrap_or_default();
    let mut arrangement = Arrangement { numbers: first.iter().map(number_of).collect(), kept };
    let mut module = wasm_encoder::Module::new();
    let done = arrangement.parse_core_module(&mut module, Parser::new(0), wasm);
    done.map_err(|error| anyhow!("{error}"))?;
    Ok(module.finish())
}

/// The new number of each function, and which functions follow each other.
struct Arrangement {
    numbers: Vec<u32>,
    kept: Vec<usize>,
}

impl Reencode for Arrangement {
    type Error = Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, Error> {
        Ok(self.numbers.get(function as usize).copied().unwrap_or(function))
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Result<(), Error> {
        let kinds = section.into_iter().collect::<Result<Vec<_>, _>>()?;
        for kind in self.kept.iter().filter_map(|index| kinds.get(*index)) {
            functions.function(*kind);
        }
        Ok(())
    }

    fn parse_code_section(&mut self, code: &mut CodeSection, section: CodeSectionReader<'_>) -> Result<(), Error> {
        let bodies = section.into_iter().collect::<Result<Vec<_>, _>>()?;
        for index in self.kept.clone() {
            if let Some(body) = bodies.get(index) {
                self.parse_function_body(code, body.clone())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use walrus::ir::BinaryOp;
    use walrus::{ConstExpr, ElementItems, ElementKind, FunctionBuilder, FunctionId, Module, RefType, ValType};

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
        let unused = adder(&mut module, "part::hydrate_async::{{closure}}::h0123456789abcdef", 2, Some(callee));
        assert_eq!(functions_after(&with_table(module, vec![unused])), 1);
    }
}
