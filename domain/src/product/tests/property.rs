//! Any history of orders keeps what is on sale payable.

use proptest::prelude::*;

use super::*;

fn any_terms() -> impl Strategy<Value = ProductTerms> {
    let price = (-1_i64..3, 0_usize..18)
        .prop_map(|(amount, place)| Money::new(amount, Currency::all().nth(place).unwrap()));
    let gives =
        prop_oneof![(-1_i64..3).prop_map(Gives::Credits), Just(Gives::Pass(PassPeriod::Day)),];
    let kind = any::<bool>()
        .prop_map(|digital| if digital { ProductKind::Digital } else { ProductKind::RealWorld });
    ("[а-яa-z ]{0,3}", gives, kind, proptest::collection::vec(price, 0..4), -1_i64..3).prop_map(
        |(text, gives, kind, prices, ordinal)| ProductTerms {
            name: name(&text, "x"),
            gives,
            kind,
            prices,
            ordinal,
        },
    )
}

fn any_command() -> impl Strategy<Value = ProductCommand> {
    let change = (any_terms(), any::<[bool; 5]>()).prop_map(|(terms, given)| {
        ProductCommand::Change(Change {
            name: given[0].then_some(terms.name),
            gives: given[1].then_some(terms.gives),
            kind: given[2].then_some(terms.kind),
            prices: given[3].then_some(terms.prices),
            ordinal: given[4].then_some(terms.ordinal),
        })
    });
    prop_oneof![
        any_terms().prop_map(create_from),
        change,
        Just(create_from(terms())),
        Just(activate()),
        Just(deactivate()),
    ]
}

proptest! {
    #[test]
    fn what_is_on_sale_can_be_paid_for_and_a_repeat_adds_nothing(
        commands in proptest::collection::vec(any_command(), 0..30),
    ) {
        let mut product = Product::default();
        let mut events = vec![];
        for command in commands {
            let Ok(decided) = product.decide(issued(command.clone())) else { continue };
            for event in decided {
                product.apply(event.clone());
                events.push(event);
            }
            prop_assert_eq!(product.decide(issued(command)), Ok(vec![]));
            let Some(terms) = &product.terms else { continue };
            let stars = terms.price_in(Currency::stars()).is_some();
            match terms.kind {
                ProductKind::Digital => prop_assert!(!product.active || stars),
                ProductKind::RealWorld => {
                    prop_assert!(!stars);
                    prop_assert!(!product.active || !terms.prices.is_empty());
                }
            }
            prop_assert!(terms.prices.is_sorted_by(|one, next| one.currency < next.currency));
        }
        prop_assert_eq!(&state(&events), &product);
        let json = serde_json::to_string(&product).unwrap();
        prop_assert_eq!(serde_json::from_str::<Product>(&json).unwrap(), product);
    }
}
