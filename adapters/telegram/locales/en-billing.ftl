# What the bot says about kept cards and auto-recharge. First what happened, then what can be done.

command-billing = Card, auto-recharge, payments
credits-below =
    { $count ->
        [one] { $figure } credit
       *[other] { $figure } credits
    }
billing = 💳 Card and auto-recharge
billing-card = Card: { $card }.
billing-no-card = No card is kept.
billing-off = Auto-recharge is off.
billing-on =
    ✅ Auto-recharge is on: when fewer than { $threshold } are left, we buy “{ $product }” for { $price }.
    This month: { $spent } of { $cap }.
billing-charging = A charge of { $price } is under way.
billing-retry = The last charge did not go through. I will try again { $when }.
billing-payments = Last payments:
billing-paid = { $day } · { $price } · paid
billing-paid-back = { $day } · { $price } · returned
billing-failed = { $day } · { $price } · not charged
billing-open = { $day } · { $price } · under way
billing-none = Auto-recharge is not offered here: nothing is sold for a card.
billing-turn-on = Turn on auto-recharge
billing-change = Change the settings
billing-turn-off = ⏹ Turn off auto-recharge
billing-remove = Remove the card
billing-back = Back
billing-choose = What should we buy when you run low? You choose the rest on the next step, and nothing is charged before you agree.
billing-package = { $product } — { $price }
recharge-terms =
    Auto-recharge. Please read and choose:

    { $words }
recharge-words = When fewer than { $threshold } are left on my account, { $tenant } may charge { $price } to my kept card for “{ $product }” ({ $credits }) without asking me each time. At most { $cap } in a calendar month. If fewer are left already, the first charge is made right away. I can stop this at any time: /billing.
recharge-below = below { $threshold }
recharge-cap = { $cap } a month
recharge-chosen = ✓ { $choice }
recharge-agree = ✅ I agree
recharge-agree-pay = ✅ I agree, pay { $price } and keep the card
recharge-page =
    “{ $product }”, { $price }. The card you pay with is kept by the payment provider, and auto-recharge is on from then on, unless the offer changes before you pay. We do not see the card's number.
recharge-changed = The offer has changed since you saw it, so nothing is agreed yet. Please read it again:
recharge-refused = This cannot be turned on now. Open /billing and try again.
recharge-off-now = ⏹ Auto-recharge is off. Nothing more is charged by itself.
recharge-off-last = ⏹ Auto-recharge is off. One charge of { $price } was under way before that and may still go through; it is the last one.
card-removed = The card is removed, and auto-recharge is off.

## What happens without the customer

card-kept = 💳 The card { $card } is kept. You can remove it at any time: /billing.
card-kept-unnamed = 💳 Your card is kept. You can remove it at any time: /billing.
recharge-enabled =
    ✅ Auto-recharge is on. You agreed to this:

    “{ $words }”
recharged-credits =
    🔁 Auto-recharge: { $price } charged, +{ $credits }. You have { $balance } now.
    { $bar }
recharge-confirm =
    Your bank wants to ask you before it pays { $price } for “{ $product }” (auto-recharge). Press the button and confirm. The link works for a day; nothing is charged without you.
recharge-confirm-button = 🔐 Confirm and pay { $price }
recharge-failed = 🔁 Auto-recharge did not go through: { $why } Nothing was charged. I will try again { $when }.
recharge-failed-last = 🔁 Auto-recharge did not go through: { $why } Nothing was charged.
recharge-failed-confirm = you did not confirm it at your bank.
recharge-failed-gone = the card is not kept any more.
recharge-ended-declined = ⏹ Auto-recharge is off, because the card was declined. Check the card, then turn it on again or pay once: /buy.
recharge-ended-disputed = ⏹ Auto-recharge is off, because a payment was contested or paid back. Nothing more is charged by itself.
recharge-ended-staff = ⏹ Auto-recharge was turned off by { $tenant }. Nothing more is charged by itself.
recharge-ended-product = ⏹ Auto-recharge is off: what you agreed to buy has another price now or is not sold any more. Nothing is charged until you agree anew.
recharge-ended-card = ⏹ Auto-recharge is off: another card is kept now. Turn it on anew for this card.
recharge-ended-consent = ⏹ Auto-recharge is off. Nothing more is charged by itself.
recharge-cap-reached = Auto-recharge has reached its { $cap } for this month, so nothing more is charged by itself. You can raise the limit or buy once: /buy.
billing-button = Card and auto-recharge
