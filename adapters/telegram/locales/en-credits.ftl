# What the bot says about credits. Short, everyday words: first what there is, then what can be done.
# Figures and days come formatted, with no-break spaces.

credits-count =
    { $count ->
        [one] { $figure } credit
       *[other] { $figure } credits
    }
messages-count =
    { $count ->
        [one] { $figure } message
       *[other] { $figure } messages
    }
days-count =
    { $count ->
        [one] { $figure } day
       *[other] { $figure } days
    }

## First meeting

greeting-credits = Hello, { $name }! This is the bot of “{ $tenant }”. Messages here are paid with credits; the first ones are a gift.
greeting-credits-nameless = Hello! This is the bot of “{ $tenant }”. Messages here are paid with credits; the first ones are a gift.
consent-ask-credits =
    To begin, we need your consent.

    What we keep: your name and number in Telegram, your credits and what they went to. Your phone number only if you send it yourself.
    Why: to keep your account and show you your history.

    You can withdraw your consent in the settings.
consent-ask-both =
    To begin, we need your consent.

    What we keep: your name and number in Telegram, your meters and readings, your credits and what they went to. Your phone number only if you send it yourself.
    Why: to take your readings, keep your account and show you your history.

    You can withdraw your consent in the settings.
withdraw-ask-credits = Withdraw your consent? Your credits stay, but you will not see them here. You can give it again at any time.
credits-welcome =
    🎁 { $credits } as a gift!
    { $bar }
credits-welcome-none = Your account is open. There are no credits on it yet.
credits-later = Your account is still being opened. Look again in a minute: /balance.

## Main menu

menu-balance = Balance
menu-credit-history = History of credits
command-balance = How many credits I have
command-credit-history = History of credits
command-buy = Which packages of credits there are
command-tutorial = A tour of one minute
command-reset = Begin anew (for tests)
help-credits =
    This is the bot of “{ $tenant }”.

    Messages are paid with credits.
    /balance shows how many you have and how long they last,
    /buy shows the packages.

    To stop: /cancel. Language: /language.
help-both =
    Messages in this bot are paid with credits: /balance shows how many you have, /buy shows the packages.
not-understood-credits = I do not understand. Choose what to do from the menu below.

## Balance

balance-card =
    💳 { $credits }
    { $bar }
    { $status }
balance-held = Waiting for a delivery: { $credits }
balance-used = In { $days }: { $credits } spent, { $messages } sent
status-good = All is well
status-low = Few are left
status-empty = There are no credits left
status-pass = A pass is on until { $ends }: messages are free
status-owed = You owe { $credits }. The next purchase covers it
advice-unused = 💡 { $messages } costs { $credits }.
advice-free = 💡 Messages are free at the moment.
advice-empty = 💡 You spend about { $credits } in a month.
advice-lasts = 💡 At this rate they last about { $days }.
advice-lasts-long = 💡 At this rate they last more than a year.
advice-package = The package of { $credits } is right for a month.
packages-button = Packages
tutorial-button = The tour
tutorial-button-bonus = The tour: +{ $credits }
balance-button = Balance
credits-low =
    Few are left: { $credits }.
    { $bar }
credits-gone =
    There are no credits left.
    { $bar }

## Packages

packages = Packages of credits:
packages-none = There are no packages yet.
packages-unpaid = You cannot buy them here yet: payments are not connected. You will not be charged. The staff can add credits for you.

## History

credit-history = History of credits. Now { $credits }.
credit-totals = In all: { $bought } bought, { $given } given, { $spent } spent, { $messages } sent.
credit-history-line = { $day }: { $what }, { $left } left
credit-month = This month: { $bought } bought, { $spent } spent, { $daily } a day.
bought-product = bought “{ $product }” for { $price }
bought = bought for { $price }
fact-bought = { $bought }, { $credits }
credit-export-button = As a file
credit-export =
    { $count ->
        [one] Your history of credits: { $figure } line.
       *[other] Your history of credits: { $figure } lines.
    }
credit-export-cut = Your history of credits: the newest { $figure } lines. Ask us for what was before.
column-day = Date
column-time = Time
column-what = What
column-credits = Credits
column-messages = Messages
column-left = Left
fact-opened = account opened
fact-granted = { $credits } added
fact-pass = a pass
fact-spent = { $messages }, { $credits }
fact-free = { $messages } under the pass
fact-held = { $credits } put aside
fact-captured = what was put aside was sent: { $messages }
fact-returned = { $credits } came back
fact-expired = ran out: { $credits }
fact-part-returned = a part of the money returned
fact-part-refunded = a part of the money returned, { $credits } taken off
fact-refunded = money returned, { $credits } taken off
fact-revoked = { $credits } taken back
fact-disputed = the payment is disputed
fact-settled = the dispute ended, { $credits }
fact-debt = the debt is covered, { $credits }
fact-forgiven = the debt is forgiven
fact-reset = begun anew

## Tutorial

tutorial-offer = Shall I show you in a minute how it works? Three short steps.
tutorial-offer-bonus = Shall I show you in a minute how it works? Three short steps, and a gift at the end: { $credits }.
tutorial-yes = Show me
tutorial-no = Not now
tutorial-next = Next
tutorial-finish = Done
tutorial-step =
    Step { $number } of { $steps } { $dots }

    { $text }
tutorial-one = { $messages } costs { $credits }. If a message is not delivered, its credits come back by themselves.
tutorial-one-free = Messages are free at the moment. You will need credits later.
tutorial-two = /balance shows how many are left. The colour tells at once: 🟩 enough, 🟨 less than half, 🟥 time for more. When few are left I write once.
tutorial-three = The history shows what came and what went. The packages of credits: /buy.
tutorial-done = Done, now you know it all.
tutorial-done-bonus =
    Done! 🎁 { $credits } more as a gift.
    { $bar }
tutorial-done-again = Done. You had the gift for the tour before.
tutorial-declined = All right. The tour is always here: /tutorial.

## Beginning anew

reset-done = We begin anew. What was bought is still there.

## Refusals

refused-credits-off = Credits are switched off here at the moment.
refused-test-switch = Only where the bot is tested can one begin anew.
refused-ledger-unknown = Your account is not open yet. Look at /balance.
refused-books = Something is wrong with your account and we are looking into it. Nothing is taken from it meanwhile.
