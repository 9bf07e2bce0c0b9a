//! The macro `view!` of the console's pages and parts.

#![forbid(unsafe_code)]

use proc_macro2::TokenStream;
use quote::quote;
use rstml::node::{KVAttributeValue, Node, NodeAttribute, NodeBlock, NodeName};
use rstml::{Parser, ParserConfig};
use syn::{Expr, Lit, parse_quote};

/// `view!` of Leptos, in which the children of an element have one type: a list of parts.
///
/// In Leptos's own, the type of an element contains the types of everything in it, so that each element of a page has
/// its own code for rendering, taking over, and updates. Here two elements with the same attributes share it, which
/// makes the browser's half of the console smaller. The markup is that of `--cfg erase_components` for lists of
/// children; server and browser must use the same macro.
#[proc_macro]
pub fn view(tokens: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let tokens = TokenStream::from(tokens);
    let parser = Parser::new(ParserConfig::default().recover_block(true));
    let nodes = match parser.parse_simple(tokens.clone()) {
        Ok(nodes) => listed(nodes),
        // Leptos reports what is wrong.
        Err(_) => return quote!(::leptos::prelude::view! { #tokens }).into(),
    };
    quote!(::leptos::prelude::view! { #(#nodes)* }).into()
}

/// Several nodes as one block with a list of parts; a single one as it is.
fn listed(nodes: Vec<Node>) -> Vec<Node> {
    let nodes: Vec<Node> =
        nodes.into_iter().filter(|node| !matches!(node, Node::Comment(_))).map(with_listed_children).collect();
    if nodes.len() < 2 {
        return nodes;
    }
    let parts = nodes.iter().map(|node| {
        if let Node::Text(text) = node {
            quote!(::tornado_ui::part(#text))
        } else {
            quote!(::tornado_ui::part(::leptos::prelude::view! { #node }))
        }
    });
    vec![Node::Block(NodeBlock::ValidBlock(parse_quote!({ ::tornado_ui::parts(::std::vec![#(#parts),*]) })))]
}

fn with_listed_children(mut node: Node) -> Node {
    if !is_static(&node)
        && let Some(children) = node.children_mut()
    {
        *children = listed(std::mem::take(children));
    }
    node
}

/// Whether Leptos writes the node as plain text: an element without values, components and blocks.
fn is_static(node: &Node) -> bool {
    match node {
        Node::Text(_) | Node::RawText(_) | Node::Comment(_) | Node::Doctype(_) => true,
        Node::Element(element) => {
            let is_component = element.name().to_string().starts_with(char::is_uppercase);
            let is_literal = |attribute: &NodeAttribute| match attribute {
                NodeAttribute::Block(_) => false,
                NodeAttribute::Attribute(attribute) => {
                    !matches!(attribute.key, NodeName::Block(_))
                        && attribute.possible_value.to_value().is_none_or(|value| {
                            matches!(&value.value, KVAttributeValue::Expr(Expr::Lit(literal))
                                if matches!(literal.lit, Lit::Str(_)))
                        })
                }
            };
            !is_component && element.attributes().iter().all(is_literal) && element.children.iter().all(is_static)
        }
        Node::Fragment(_) | Node::Block(_) | Node::Custom(_) => false,
    }
}
