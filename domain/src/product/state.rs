//! What a product must know to decide.

use cqrs_es::{Aggregate, event_sink::EventSink};
use serde::{Deserialize, Serialize};

use super::{ProductCommand, ProductEvent, ProductRefusal, ProductTerms};
use crate::{Issued, decider::decide_into};

/// The product aggregate.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Product {
    /// Its terms; none until it is created.
    pub(super) terms: Option<ProductTerms>,
    /// Whether it is on sale.
    pub(super) active: bool,
}

impl Aggregate for Product {
    const TYPE: &'static str = "product";

    type Command = Issued<ProductCommand>;
    type Event = ProductEvent;
    type Error = ProductRefusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: Self::Command,
        (): &Self::Services,
        sink: &EventSink<Self>,
    ) -> Result<(), Self::Error> {
        decide_into(self, command, sink).await
    }

    fn apply(&mut self, event: ProductEvent) {
        match event {
            ProductEvent::Created(created) => self.terms = Some(created.into()),
            ProductEvent::Changed(changed) => self.terms = Some(changed.into()),
            ProductEvent::Activated(_) => self.active = true,
            ProductEvent::Deactivated(_) => self.active = false,
        }
    }
}
