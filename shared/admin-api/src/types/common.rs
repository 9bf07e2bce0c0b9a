//! Types that several methods use.

use super::{inputs, views};
use uuid::Uuid;

views! {
    /// Output of methods that return nothing.
    #[derive(Copy, Default, Eq)]
    pub struct Done {}

    /// Bytes in each direction, seen from the server.
    #[derive(Copy, Default, Eq)]
    pub struct Bytes {
        /// Received from the device.
        pub received: u64,
        /// Sent to the device.
        pub sent: u64,
    }
}

/// One page.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct List<T> {
    /// The items.
    pub items: Vec<T>,
    /// Value of `cursor` for the next page; absent: this is the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Number of items on all pages; absent where it is not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
}

impl<T> List<T> {
    /// A list without further pages.
    #[must_use]
    pub const fn whole(items: Vec<T>) -> Self {
        Self { items, next: None, total: None }
    }
}

/// The derive of utoipa gives all lists the same name.
#[cfg(feature = "openapi")]
mod schema {
    use super::List;
    use std::borrow::Cow;
    use utoipa::openapi::schema::{ArrayBuilder, ArrayItems, ObjectBuilder, SchemaType, Type};
    use utoipa::openapi::{Ref, RefOr, Schema};
    use utoipa::{PartialSchema, ToSchema};

    fn is_object<T: ToSchema>() -> bool {
        matches!(T::schema(), RefOr::T(Schema::Object(object)) if !object.properties.is_empty())
    }

    impl<T: ToSchema> PartialSchema for List<T> {
        fn schema() -> RefOr<Schema> {
            let item = if is_object::<T>() { RefOr::Ref(Ref::from_schema_name(T::name())) } else { T::schema() };
            let next = ObjectBuilder::new()
                .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
                .description(Some("Value of `cursor` for the next page; absent: this is the last page."));
            let items =
                ArrayBuilder::new().items(ArrayItems::RefOrSchema(Box::new(item))).description(Some("The items."));
            let total = ObjectBuilder::new()
                .schema_type(SchemaType::from_iter([Type::Integer, Type::Null]))
                .description(Some("Number of items on all pages; absent where it is not counted."));
            let object = ObjectBuilder::new().property("items", items).required("items");
            let object = object.property("next", next).property("total", total);
            RefOr::T(object.description(Some("One page.")).into())
        }
    }

    impl<T: ToSchema> ToSchema for List<T> {
        fn name() -> Cow<'static, str> {
            Cow::Owned(format!("{}List", T::name()))
        }

        fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
            if is_object::<T>() {
                schemas.push((T::name().into_owned(), T::schema()));
            }
            T::schemas(schemas);
        }
    }
}

inputs! {
    /// Input of methods without parameters.
    #[derive(Copy, Default)]
    pub struct NoInput {}

    /// Names an object by its id.
    #[derive(Copy)]
    pub struct ById {
        /// The id.
        pub id: Uuid,
    }

    /// Names an object by its name.
    pub struct ByName {
        /// The name.
        pub name: String,
    }

    /// Names an account.
    pub struct ByUser {
        /// Name or id of the account.
        pub user: String,
    }

    /// Names a device.
    #[derive(Copy)]
    pub struct ByDevice {
        /// Id of the device.
        pub device_id: Uuid,
    }
}
