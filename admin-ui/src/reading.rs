//! Content of a page: a query, and what the server returned.

use crate::model::Fault;
use crate::packed::{Answer, Packing, unpack};
use crate::source::{PageQuery, Query, answer};
use leptos::prelude::*;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;
use std::sync::Arc;

/// Content of a page, as it is read and read again.
pub struct Reading<T> {
    /// The packed content.
    pub answers: Resource<Answer, Packing>,
    content: PhantomData<fn() -> T>,
}

impl<T> Clone for Reading<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Reading<T> {}

impl<T: DeserializeOwned> Reading<T> {
    /// Reads what `question` returns, and again when it changes.
    pub fn new(question: impl Fn() -> PageQuery<T> + Send + Sync + 'static) -> Self {
        Self::again(Arc::new(move || (0, question().query)))
    }

    /// Reads a query, and again when it or the count beside it changes.
    pub fn again(query: Arc<dyn Fn() -> (u64, Query) + Send + Sync>) -> Self {
        let answers = Resource::new_with_options(move || query(), |(_, query)| answer(query), false);
        Self { answers, content: PhantomData }
    }

    /// The content.
    ///
    /// # Errors
    ///
    /// Those of [`PageQuery::read`].
    pub async fn get(self) -> Result<T, Fault> {
        unpack(&self.answers.await?.0)
    }

    /// Reads again.
    pub fn refetch(self) {
        self.answers.refetch();
    }
}
