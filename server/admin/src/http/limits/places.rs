//! Places for responses that call a service as long as they are read.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use tornado_admin_api::{AdminError, AdminResult};
use tornado_shared::model::OperatorId;

/// A limited number of places, of which an operator gets a few.
pub struct Places {
    most: usize,
    each: usize,
    taken: Mutex<HashMap<Option<OperatorId>, usize>>,
}

/// A place; it is taken as long as it exists.
pub struct Place {
    places: Arc<Places>,
    operator: Option<OperatorId>,
}

impl Places {
    /// `most` places, of which each operator gets `each`.
    pub fn new(most: usize, each: usize) -> Self {
        Self { most, each, taken: Mutex::default() }
    }

    /// Takes a place.
    ///
    /// # Errors
    /// All places, or those of the operator, are taken.
    pub fn take(self: &Arc<Self>, operator: Option<OperatorId>) -> AdminResult<Place> {
        let full = |why: String| AdminError::new(503, "streams_full", why);
        let mut taken = self.taken.lock();
        if taken.values().sum::<usize>() >= self.most {
            return Err(full("all streams are in use; try again later".to_owned()));
        }
        let own = taken.entry(operator).or_default();
        if *own >= self.each {
            return Err(full(format!("the operator has {} streams; close one of them", self.each)));
        }
        *own += 1;
        Ok(Place { places: self.clone(), operator })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock();
        if let Some(own) = taken.get_mut(&self.operator) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                taken.remove(&self.operator);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operators_places_leave_room_for_others() {
        let places = Arc::new(Places::new(5, 2));
        let operators: Vec<_> = (0..3).map(|_| Some(OperatorId::random())).collect();
        let mut taken: Vec<_> = operators
            .iter()
            .take(2)
            .flat_map(|one| [places.take(*one), places.take(*one)])
            .map(Result::unwrap)
            .collect();
        assert_eq!(places.take(operators[0]).err().unwrap().code(), "streams_full");
        let last = places.take(operators[2]).unwrap();
        assert!(places.take(operators[2]).is_err(), "all are taken");
        taken.pop();
        assert!(places.take(operators[2]).is_ok());
        drop((taken, last));
        assert!(places.taken.lock().is_empty(), "nothing is kept of operators without a place");
    }
}
