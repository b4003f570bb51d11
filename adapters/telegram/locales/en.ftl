# What the bot says in English. Short, everyday words; says what happened, then what comes next.
# Figures and days come formatted, with no-break spaces.

## Language and units

language-name = English
unit-kilowatt-hour = kWh
unit-cubic-metre = m³
unit-gigacalorie = Gcal
day-today = today, { $day }
day-tomorrow = tomorrow, { $day }
day-yesterday = yesterday, { $day }
month-of =
    { $month ->
        [1] January
        [2] February
        [3] March
        [4] April
        [5] May
        [6] June
        [7] July
        [8] August
        [9] September
        [10] October
        [11] November
       *[12] December
    }
month-name =
    { $month ->
        [1] January
        [2] February
        [3] March
        [4] April
        [5] May
        [6] June
        [7] July
        [8] August
        [9] September
        [10] October
        [11] November
       *[12] December
    }
month-short =
    { $month ->
        [1] Jan
        [2] Feb
        [3] Mar
        [4] Apr
        [5] May
        [6] Jun
        [7] Jul
        [8] Aug
        [9] Sep
        [10] Oct
        [11] Nov
       *[12] Dec
    }

## First meeting

greeting = Hello, { $name }! This is the bot of “{ $tenant }”. Submit meter readings here and see your history.
greeting-nameless = Hello! This is the bot of “{ $tenant }”. Submit meter readings here and see your history.
consent-ask =
    To begin, we need your consent.

    What we keep: your name and number in Telegram, your meters and readings. Your phone number only if you send it yourself.
    Why: to take your readings and show you your history.

    You can withdraw your consent in the settings.
consent-button = I agree
consent-first = We need your consent first: without it we keep nothing.
consent-given = Thank you, your consent is recorded.
welcome-back = Welcome back! What shall we do?
add-first = Shall we add your first meter? It takes a minute.
language-ask = Which language do you prefer?
language-changed = We speak English now.

## Main menu

menu-reading = Submit a reading
menu-history = History
menu-meters = My meters
menu-settings = Settings
menu-help = Help
menu-back = To the menu
menu-here = The menu is at the bottom of the screen.
command-start = Begin
command-reading = Submit a reading
command-history = History of readings
command-meters = My meters
command-settings = Settings
command-language = Language
command-help = Help
command-cancel = Stop and return to the menu
help =
    This is the bot of “{ $tenant }”.

    You can send a reading right here in one line:
    1234 if the meter shows one figure,
    T1 1234 T2 567 if it has several zones.
    You can attach a photo of the meter.

    Or press “Submit a reading” and I will take you through it.
    To stop: /cancel. Language: /language.

## Words for many buttons

cancel = Cancel
back = Back
skip = Skip
edit = Change
correct = Correct it
yes-right = Yes
replaced = Replaced
history-button = History

## Adding a meter

add-button = Add a meter
add-another = Add another one
add-kind = What does the meter count?
add-zones = How many tariff zones does the meter show? If you are not sure, it is most likely one.
add-digits = How many digits before the decimal point? Choose or type a number.
add-serial = Type the number of the meter. It is on the case and in its papers.
add-place = Where is the meter? For example: kitchen. It makes it easier to recognise.
add-verification = Until which day is its verification valid? For example: 01.02.2030 (day, month, year). The date is in its papers.
add-initial = What does the meter show now?
add-initial-zone = What does the meter show now for { $zone }?
add-summary = Please check:
add-confirm = All right, add it
add-done = The meter is added. You can submit readings now.
add-cancelled = The meter was not added. The menu is at the bottom of the screen.
kind-electricity = ⚡ Electricity
kind-cold-water = 💧 Cold water
kind-hot-water = ♨️ Hot water
kind-gas = 🔥 Gas
kind-heat = 🌡️ Heating
zones-button =
    { $zones ->
        [1] One zone
        [2] Two: day and night
       *[3] Three zones
    }
summary-serial = Number: { $serial }
summary-place = Place: { $place }
summary-zones = Tariff zones: { $zones }
summary-digits = Digits before the decimal point: { $digits }
choose-with-buttons = This one is a choice: press one of the buttons under the question.
text-needed = This needs a text: type your answer in words or figures.
wrong-digits = There are 3 to 9 digits before the decimal point. Count the windows before the point or before the red digits.
wrong-zones = There are one to three zones, and only electricity meters have more than one.
wrong-serial = The number has 1 to 40 characters in one line, as on the case.
wrong-place = The place has up to 80 characters in one line. For example: bathroom.
wrong-verification = I cannot read this date. Type day, month and year, such as 01.02.2030, not before 1990 and at most 50 years ahead.

## Meters

meters = Your meters:
meters-none = There are no meters yet. Add the first one, then you can submit readings.
meters-too-many = You can keep up to { $max } meters in this chat. The staff will add the others.
meter-last = Last reading: { $values } ({ $day })
meter-initial = First reading: { $values }
meter-verification = Verified until: { $due }
meter-verification-overdue = Verification expired: { $due }

## Readings

reading-which-meter = Which meter?
reading-whose = I see { $values }. Which meter is it?
reading-zone =
    { $meter }
    { $zone }last time it was { $last } ({ $day }).
    What is it now?
reading-zone-first =
    { $meter }
    { $zone }at the beginning it was { $last }.
    What is it now?
reading-correct-zone =
    { $meter }
    { $zone }recorded is { $last }.
    What should it be?
reading-lower = { $zone }last time it was { $last }, now { $submitted }, which is less. Is it right?
reading-review =
    { $meter }
    { $values }
    Shall I send it?
reading-send = Send
reading-again = Please type the reading once more.
reading-cancelled = The reading was not sent. The menu is at the bottom of the screen.
reading-accepted = Reading accepted: { $values }.
reading-corrected = Corrected: { $values }.
consumption-month = { $amount } this month
consumption-since-last = { $amount } since the last reading
consumption-since-first = { $amount } since the first reading
consumption-later = The consumption will appear in the history a little later.
compared-usual = { ", " }about as usual
compared-more = { ", " }more than usual ({ $usual })
compared-less = { ", " }less than usual ({ $usual })
warning-verification = The verification of this meter has expired; please order a new one.
photo-kept = The photo is saved.
photo-expected = I am waiting for a photo of the meter, with its figures and number in view.
figure-expected = This needs a figure, such as 1234.5. You can attach a photo.
figure-not-read = I see no figure. Type digits only, such as 1234.5.
figure-negative = Readings are never below zero. Type the figure without the minus.
figure-decimals = There are up to three digits after the point, such as 1234.567.
figure-too-large = The figure is too long. Type the digits before the point and up to three after it.
figure-several = I see several figures in a row and do not know which one to take.
line-zone-twice = { $zone } is there twice.
line-zone-empty = There is no figure after { $zone }.
line-zone-unknown = There is no zone T{ $number }: there are T1, T2 and T3.
line-example = Type it like this: { $example }

## History

history-which-meter = Which meter's history?
history-title = { $meter }
history-empty = { $meter }: no readings yet.
history-month = { $month }: { $amount }
history-values = reading { $values }, { $day }
history-corrected = { ", " }corrected
page-newer = ‹ Newer
page-older = Older ›
chart-caption = { $meter }: consumption by month
chart-subtitle = Consumption by month, { $unit }

## Settings

settings =
    Settings
    Language: English
    { $phone }
settings-phone = Phone: { $phone }
settings-no-phone = No phone number
settings-consent = Consent given on { $day }
phone-share = Add my phone number
phone-remove = Remove my phone number
phone-ask = Press the button below and Telegram will send us your number. The staff will know you by it.
phone-button = Send my number
phone-saved = Your number is saved.
phone-removed = Your number is removed.
phone-not-yours = This is not your number. Press “Add my phone number” in the settings and Telegram will send your own.
phone-unreadable = I could not read the number. Please try again in the settings.
consent-withdraw = Withdraw my consent
withdraw-ask = Withdraw your consent? After that we cannot take your readings. You can give it again at any time.
withdraw-yes = Yes, withdraw it
withdraw-no = Keep it
withdraw-done = Your consent is withdrawn.
withdraw-start = To come back, press /start.

## Reminders

remind-closes =
    A reminder: readings are taken until { $closes }. Still missing:
remind-opens =
    Readings are taken again, until { $closes }. We are waiting for:
remind-me = Remind me
remind-promised = I will remind you on { $opens }.
remind-window-open = Readings are taken already: you can submit them right now.
remind-mute = No reminders
remind-unmute = Remind me of readings
remind-muted = No more reminders. You can switch them on here or in the settings.
remind-unmuted = We will remind you when readings are missing before the end.

## Refusals

refused-tenant-unknown = The bot is still being set up. Please try again a little later.
refused-account-exists = You are registered already.
refused-account-unknown = Let us meet first: press /start.
refused-account-erased = What was stored about you has been erased. To start afresh, press /start.
refused-not-allowed = This meter is not in your name, or only the staff can do this.
refused-text-length = That is too long: there is room for { $max } characters.
refused-meter-unknown = You have no such meter. Look at “My meters”.
refused-meter-exists = This meter is there already.
refused-meter-archived = This meter is out of service. Submit the reading of the one that replaced it.
refused-zones = This meter has other zones. Type it like this: { $example }
refused-value = { $zone }I read { $submitted }, but the digits before the point are { $digits }, so it is at most { $max }. Check for a digit too many.
refused-below-last = { $zone }Last time it was { $last }, now { $submitted }. Check the first digit. If the meter was replaced, press "Replaced".
refused-rollover = { $zone }Last time it was { $last }, now { $submitted }. If the counter passed its zeros, that is { $consumption }. Is it right?
refused-unusual =
    { $times ->
        [2] That is twice the usual: { $consumption } instead of { $usual }. Is it right?
        [3] That is three times the usual: { $consumption } instead of { $usual }. Is it right?
       *[other] That is { $times } times the usual: { $consumption } instead of { $usual }. Is it right?
    }
refused-outside-window = Readings are taken from the { $first } to the { $last }. The next time opens on { $opens }.
refused-verification = The verification of this meter expired: { $due }. Have it verified, then submit the reading.
refused-taken-in-future = { $taken } is still to come: today is { $today }. Submit today's reading.
refused-taken-before-last = The reading of { $taken } is earlier than the last one ({ $last }). Submit them in order.
refused-photo-needed = A photo of the meter is needed: send it here, with its figures and number in view.
refused-not-last = Only the last reading can be corrected.
refused-correction-closed = This reading could be corrected until { $closed }. Please write to the staff.
refused-source = Only the staff can change this reading.
refused-reading-reused = This reading is recorded with other figures. Look at the history.
refused-other = That did not work. We are looking into it; please try again a little later.

## Everything else

stale-button = This button no longer works. Choose what to do in the menu below.
stale-button-in-question = This button belongs to an earlier question. Please answer the latest one or press /cancel.
not-understood = I do not understand. Send a reading, such as 1234 or T1 1234 T2 567, or choose from the menu below.
not-readable = I cannot read this kind of message. Send a figure, a text or a photo of the meter.
command-unknown = There is no such command. What I can do: /help.
group-hint = Readings are a private matter. Please write to me in a private chat.
notice-wait = Saving it… I will write as soon as it is saved.
notice-broken = Something went wrong with this message and we are looking into it. Please try again from the menu below.
superseded = This has been dealt with already. Look at the history or begin again from the menu below.
