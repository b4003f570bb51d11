# What the bot says about payments. Short, everyday words: first what happened, then what can be done.

catalogue = What would you like to buy? You pay with Telegram Stars, right here:
product-gone = This is not for sale any more.
product-none = There is no such package. These are for sale:
invoice-credits = { $credits } on your account right after the payment.
invoice-day = Messages without credits for a day.
invoice-week = Messages without credits for a week.
invoice-month = Messages without credits for 30 days.

## Before a payment

checkout-paid = This is paid already. You need not pay twice.
checkout-expired = This invoice is too old. Open /buy and choose again.
checkout-other = This invoice is for somebody else. Open /buy to buy for yourself.
checkout-unknown = There is no such invoice. Open /buy and choose again.
checkout-later = This does not work right now. You were not charged. Please try again in a minute.

## Paying by card

catalogue-cards = What would you like to buy? The price is on the button; you pay by card or with Stars:
card-choice = How would you like to pay for “{ $product }”?
card-stripe = 💳 By card (Stripe), { $price }
card-yookassa = 💳 By card (YooKassa), { $price }
card-page =
    “{ $product }”, { $price }.
    You pay on a secure page. Only the bank sees your card. The link works for an hour.
card-phone = This payment comes with a receipt, which is sent to your phone number. Press the button below: Telegram will send us your number, and the payment page will open.
card-pay = 💳 Pay by card, { $price }
card-soon = The payment page is being prepared. I will send the link here as soon as it opens.
card-refused = The payment page did not open. You were not charged. Try again later, or another way: /buy.
card-declined = The payment did not go through: { $why } You were not charged.
card-declined-funds = there is not enough money on the card.
card-declined-old = the card has expired.
card-declined-code = the bank got no confirmation.
card-declined-bank = the bank declined the card.
card-again = Try again
card-expired = The payment link has expired; you were not charged.
card-waiting = The bank is still working on your payment. I will write as soon as it is through. You need not pay twice.

## After a payment

paid-credits =
    ✅ Paid: +{ $credits }. You have { $balance } now.
    { $bar }
paid-pass = ✅ Paid. Your pass is good until { $ends }.
paid-back = Your payment was returned: { $amount }. What was bought comes off your account in a moment.
paid-part-back = A part of your payment was returned: { $amount }. See /history for what came off your account.
paid-twice-back = You paid twice. The surplus was returned: { $amount }.
paid-other-back = The amount that was paid is not what the purchase costs, so it was returned: { $amount }. Open /buy and choose again.
payment-unknown = Telegram speaks of a payment that we do not know. Please see /paysupport: your money is not lost.

## Terms and help

command-terms = Terms of purchase
command-paysupport = Questions about payments
terms =
    Terms of purchase. The seller is { $tenant }.

    · You see the price before you pay, in Telegram Stars or in money.
    · Credits and passes are there right after the payment.
    · We return an unused purchase when you ask: /paysupport.
    · When a purchase is returned and a part of it was spent, what was spent is owed or forgiven, as the seller decides.
pay-support =
    Questions about payments are answered by { $tenant }, not by Telegram.

    Tell us what you bought and when: we find the payment and return the money or the Stars where that is right. /history shows what was bought and spent.
