//! What a command to a product leads to.

use super::{
    Activated, Change, Create, Deactivated, Product, ProductCommand, ProductEvent, ProductRefusal,
    ProductTerms,
};
use crate::{Actor, Decider, Issued};

type Decision = Result<Vec<ProductEvent>, ProductRefusal>;

impl Decider for Product {
    type Order = ProductCommand;
    type Fact = ProductEvent;
    type Reason = ProductRefusal;

    fn decide(&self, issued: Issued<ProductCommand>) -> Decision {
        if !issued.tenant.exists {
            return Err(ProductRefusal::TenantUnknown);
        }
        match issued.actor {
            Actor::Customer { .. } => return Err(ProductRefusal::NotAllowed),
            Actor::Operator { .. } | Actor::System { .. } => {}
        }
        match (issued.command, &self.terms) {
            (ProductCommand::Create(create), terms) => decide_create(create, terms.as_ref()),
            (_, None) => Err(ProductRefusal::ProductUnknown),
            (ProductCommand::Change(change), Some(terms)) => {
                decide_change(change, terms, self.active)
            }
            (ProductCommand::Activate(_), Some(_)) if self.active => Ok(vec![]),
            (ProductCommand::Activate(_), Some(terms)) => {
                terms.check_for_sale()?;
                if !issued.tenant.credit_rules.enabled {
                    return Err(ProductRefusal::CreditsOff);
                }
                Ok(vec![ProductEvent::Activated(Activated {})])
            }
            (ProductCommand::Deactivate(_), Some(_)) if self.active => {
                Ok(vec![ProductEvent::Deactivated(Deactivated {})])
            }
            (ProductCommand::Deactivate(_), Some(_)) => Ok(vec![]),
        }
    }

    /// What a business sells says nothing about a person.
    fn personal_fields(_order: &ProductCommand) -> Option<&'static [&'static str]> {
        Some(&[])
    }
}

fn decide_create(create: Create, known: Option<&ProductTerms>) -> Decision {
    let Create { name, gives, kind, prices, ordinal } = create;
    let terms = ProductTerms { name, gives, kind, prices, ordinal }.checked()?;
    match known {
        Some(known) if *known == terms => Ok(vec![]),
        Some(_) => Err(ProductRefusal::ProductExists),
        None => Ok(vec![ProductEvent::Created(terms.into())]),
    }
}

fn decide_change(change: Change, known: &ProductTerms, active: bool) -> Decision {
    let Change { name, gives, kind, prices, ordinal } = change;
    let terms = ProductTerms {
        name: name.unwrap_or_else(|| known.name.clone()),
        gives: gives.unwrap_or(known.gives),
        kind: kind.unwrap_or(known.kind),
        prices: prices.unwrap_or_else(|| known.prices.clone()),
        ordinal: ordinal.unwrap_or(known.ordinal),
    }
    .checked()?;
    if terms == *known {
        return Ok(vec![]);
    }
    if active {
        terms.check_for_sale()?;
    }
    Ok(vec![ProductEvent::Changed(terms.into())])
}
