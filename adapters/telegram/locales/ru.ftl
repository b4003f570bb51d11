# What the bot says in Russian. Short, everyday words; says what happened, then what comes next.
# Figures and days come formatted, with no-break spaces.

## Language and units

language-name = Русский
unit-kilowatt-hour = кВт·ч
unit-cubic-metre = м³
unit-gigacalorie = Гкал
day-today = сегодня, { $day }
day-tomorrow = завтра, { $day }
day-yesterday = вчера, { $day }
month-of =
    { $month ->
        [1] января
        [2] февраля
        [3] марта
        [4] апреля
        [5] мая
        [6] июня
        [7] июля
        [8] августа
        [9] сентября
        [10] октября
        [11] ноября
       *[12] декабря
    }
month-name =
    { $month ->
        [1] январь
        [2] февраль
        [3] март
        [4] апрель
        [5] май
        [6] июнь
        [7] июль
        [8] август
        [9] сентябрь
        [10] октябрь
        [11] ноябрь
       *[12] декабрь
    }
month-short =
    { $month ->
        [1] янв
        [2] фев
        [3] мар
        [4] апр
        [5] май
        [6] июн
        [7] июл
        [8] авг
        [9] сен
        [10] окт
        [11] ноя
       *[12] дек
    }

## First meeting

greeting = Здравствуйте, { $name }! Это бот «{ $tenant }». Здесь передают показания счётчиков и смотрят историю.
greeting-nameless = Здравствуйте! Это бот «{ $tenant }». Здесь передают показания счётчиков и смотрят историю.
consent-ask =
    Чтобы начать, нужно ваше согласие.

    Что сохраним: ваше имя и номер в Telegram, счётчики и показания. Телефон — только если вы сами его пришлёте.
    Зачем: чтобы принимать показания и показывать вам историю.

    Согласие можно отозвать в настройках.
consent-button = Даю согласие
consent-first = Сначала нужно ваше согласие: без него мы ничего не сохраняем.
consent-given = Спасибо, согласие записано.
welcome-back = С возвращением! Что сделаем?
add-first = Добавим ваш первый счётчик? Это займёт минуту.
language-ask = На каком языке вам удобнее?
language-changed = Теперь говорим по-русски.

## Main menu

menu-reading = Передать показания
menu-history = История
menu-meters = Мои счётчики
menu-settings = Настройки
menu-help = Помощь
menu-back = В меню
menu-here = Меню — внизу экрана.
command-start = Начать
command-reading = Передать показания
command-history = История показаний
command-meters = Мои счётчики
command-settings = Настройки
command-language = Язык
command-help = Помощь
command-cancel = Прервать и вернуться в меню
help =
    Это бот «{ $tenant }».

    Показания можно прислать прямо сюда одной строкой:
    1234 — если на счётчике одно число,
    Т1 1234 Т2 567 — если зон несколько.
    К строке можно приложить фото счётчика.

    Или нажмите «Передать показания» — проведу по шагам.
    Прервать: /cancel. Язык: /language.

## Words for many buttons

cancel = Отмена
back = Назад
skip = Пропустить
edit = Изменить
correct = Исправить
yes-right = Да, верно
replaced = Замена
history-button = История

## Adding a meter

add-button = Добавить счётчик
add-another = Добавить ещё один
add-kind = Что считает счётчик?
add-zones = Сколько тарифных зон показывает счётчик? Если не знаете — скорее всего, одна.
add-digits = Сколько цифр до запятой? Выберите или напишите число.
add-serial = Напишите номер счётчика. Он указан на корпусе и в паспорте.
add-place = Где стоит счётчик? Например: кухня. Так его легче узнать.
add-verification = До какого дня действует поверка? Например: 01.02.2030. Дата есть в паспорте счётчика.
add-initial = Что счётчик показывает сейчас?
add-initial-zone = Что счётчик показывает сейчас на { $zone }?
add-summary = Проверьте, всё ли верно:
add-confirm = Всё верно, добавить
add-done = Счётчик добавлен. Теперь можно передавать показания.
add-cancelled = Счётчик не добавлен. Меню — внизу экрана.
kind-electricity = ⚡ Электричество
kind-cold-water = 💧 Холодная вода
kind-hot-water = ♨️ Горячая вода
kind-gas = 🔥 Газ
kind-heat = 🌡️ Отопление
zones-button =
    { $zones ->
        [1] Одна зона
        [2] Две: день и ночь
       *[3] Три зоны
    }
summary-serial = Номер: { $serial }
summary-place = Место: { $place }
summary-zones = Тарифных зон: { $zones }
summary-digits = Цифр до запятой: { $digits }
choose-with-buttons = Здесь нужно выбрать: нажмите одну из кнопок под вопросом.
text-needed = Здесь нужен текст: напишите ответ словами или цифрами.
wrong-digits = Цифр до запятой бывает от 3 до 9. Посчитайте окошки до запятой или до красных цифр.
wrong-zones = Зон бывает от одной до трёх, и только у счётчика электричества.
wrong-serial = Номер — это от 1 до 40 знаков в одну строку, как на корпусе.
wrong-place = Место — это до 80 знаков в одну строку. Например: ванная.
wrong-verification = Не узнаю дату. Напишите день, месяц и год, например 01.02.2030, — не раньше 1990 года и не дальше 50 лет вперёд.

## Meters

meters = Ваши счётчики:
meters-none = Счётчиков пока нет. Добавьте первый — и можно передавать показания.
meters-too-many = В чате можно вести до { $max } счётчиков. Остальные добавит оператор.
meter-last = Последние показания: { $values } ({ $day })
meter-initial = Начальные показания: { $values }
meter-verification = Поверка до: { $due }
meter-verification-overdue = Поверка истекла: { $due }

## Readings

reading-which-meter = Какой счётчик?
reading-whose = Вижу { $values }. Какой это счётчик?
reading-zone =
    { $meter }
    { $zone }прошлый раз было { $last } ({ $day }).
    Сколько сейчас?
reading-zone-first =
    { $meter }
    { $zone }в начале было { $last }.
    Сколько сейчас?
reading-correct-zone =
    { $meter }
    { $zone }сейчас записано { $last }.
    Сколько должно быть?
reading-lower = { $zone }прошлый раз было { $last }, а сейчас { $submitted } — это меньше. Всё верно?
reading-review =
    { $meter }
    { $values }
    Отправляем?
reading-send = Отправить
reading-again = Напишите показания ещё раз.
reading-cancelled = Показания не отправлены. Меню — внизу экрана.
reading-accepted = Показания приняты: { $values }.
reading-corrected = Исправлено: { $values }.
consumption-month = За месяц { $amount }
consumption-since-last = С прошлого раза { $amount }
consumption-since-first = С начальных показаний { $amount }
consumption-later = Расход появится в истории чуть позже.
compared-usual = { " — " }как обычно
compared-more = { " — " }больше обычного ({ $usual })
compared-less = { " — " }меньше обычного ({ $usual })
warning-verification = Поверка счётчика истекла — закажите новую.
photo-kept = Фото сохранено.
photo-expected = Жду фото счётчика: сфотографируйте его так, чтобы были видны цифры и номер.
figure-expected = Здесь нужно число — например 1234,5. Можно приложить фото.
figure-not-read = Не вижу числа. Напишите только цифры, например 1234,5.
figure-negative = Показания не бывают меньше нуля. Напишите число без минуса.
figure-decimals = После запятой бывает до трёх цифр, например 1234,567.
figure-too-large = Число слишком длинное. Напишите цифры счётчика до запятой и до трёх после.
figure-several = Вижу несколько чисел подряд и не знаю, какое взять.
line-zone-twice = { $zone } указана дважды.
line-zone-empty = После { $zone } нет числа.
line-zone-unknown = Зоны Т{ $number } не бывает: есть Т1, Т2 и Т3.
line-example = Напишите так: { $example }

## History

history-which-meter = Историю какого счётчика показать?
history-title = { $meter }
history-empty = { $meter }: показаний пока нет.
history-month = { $month }: { $amount }
history-values = показания { $values }, { $day }
history-corrected = { ", " }исправлено
page-newer = ‹ Новее
page-older = Раньше ›
chart-caption = { $meter }: расход по месяцам
chart-subtitle = Расход по месяцам, { $unit }

## Settings

settings =
    Настройки
    Язык: русский
    { $phone }
settings-phone = Телефон: { $phone }
settings-no-phone = Телефон не указан
settings-consent = Согласие дано { $day }
phone-share = Указать телефон
phone-remove = Удалить телефон
phone-ask = Нажмите кнопку внизу — Telegram отправит нам ваш номер. По нему вас узнает оператор.
phone-button = Отправить мой номер
phone-saved = Номер сохранён.
phone-removed = Номер удалён.
phone-not-yours = Это не ваш номер. Нажмите «Указать телефон» в настройках — Telegram отправит ваш собственный.
phone-unreadable = Не получилось прочитать номер. Попробуйте ещё раз в настройках.
consent-withdraw = Отозвать согласие
withdraw-ask = Отозвать согласие? После этого мы не сможем принимать ваши показания. Дать его снова можно в любой момент.
withdraw-yes = Да, отозвать
withdraw-no = Оставить
withdraw-done = Согласие отозвано.
withdraw-start = Чтобы вернуться, нажмите /start.

## Reminders

remind-closes =
    Напоминаем о показаниях: приём закроется { $closes }. Ещё не переданы:
remind-opens =
    Открылся приём показаний, до { $closes }. Ждём показания:
remind-me = Напомнить
remind-promised = Напомню { $opens }.
remind-window-open = Показания уже принимаем — можно передать прямо сейчас.
remind-mute = Не напоминать
remind-unmute = Напоминать о показаниях
remind-muted = Больше не напоминаем. Включить снова можно здесь или в настройках.
remind-unmuted = Будем напоминать, если до конца приёма не хватает показаний.

## Refusals

refused-tenant-unknown = Бот ещё настраивается. Попробуйте немного позже.
refused-account-exists = Вы уже зарегистрированы.
refused-account-unknown = Сначала познакомимся: нажмите /start.
refused-account-erased = Всё, что о вас хранилось, удалено. Чтобы начать заново, нажмите /start.
refused-not-allowed = Этот счётчик записан не на вас, или это может сделать только оператор.
refused-text-length = Слишком длинно: здесь помещается до { $max } знаков.
refused-meter-unknown = Такого счётчика у вас нет. Посмотрите «Мои счётчики».
refused-meter-exists = Этот счётчик уже добавлен.
refused-meter-archived = Этот счётчик снят с учёта. Передайте показания того, который стоит вместо него.
refused-zones = У этого счётчика другие зоны. Напишите так: { $example }
refused-value = { $zone }Прочитали { $submitted }, а на счётчике цифр до запятой: { $digits }, то есть не больше { $max }. Проверьте, нет ли лишней цифры.
refused-below-last = { $zone }Прошлый раз было { $last }, а сейчас { $submitted }. Проверьте первую цифру. Если счётчик заменили — нажмите «Замена».
refused-rollover = { $zone }Прошлый раз было { $last }, а сейчас { $submitted }. Если счётчик прошёл через нули, расход — { $consumption }. Всё верно?
refused-unusual =
    { $times ->
        [2] Это вдвое больше обычного: { $consumption } вместо { $usual }. Всё верно?
        [3] Это втрое больше обычного: { $consumption } вместо { $usual }. Всё верно?
        [few] Это больше обычного в { $times } раза: { $consumption } вместо { $usual }. Всё верно?
       *[other] Это больше обычного в { $times } раз: { $consumption } вместо { $usual }. Всё верно?
    }
refused-outside-window = Показания принимаем с { $first } по { $last } число. Следующий приём откроется { $opens }.
refused-verification = Поверка счётчика истекла: { $due }. Закажите поверку, а потом передайте показания.
refused-taken-in-future = { $taken } ещё не наступило: сегодня { $today }. Передайте показания за сегодня.
refused-taken-before-last = Показания за { $taken } раньше последних ({ $last }). Передавайте их по порядку.
refused-photo-needed = Нужно фото счётчика: пришлите его сюда так, чтобы были видны цифры и номер.
refused-not-last = Исправить можно только последние показания.
refused-correction-closed = Эти показания можно было исправить до { $closed }. Напишите оператору.
refused-source = Эти показания может изменить только оператор.
refused-reading-reused = Эти показания уже записаны с другими числами. Посмотрите историю.
refused-other = Не получилось. Мы уже разбираемся — попробуйте немного позже.

## Everything else

stale-button = Эта кнопка уже не работает. Выберите, что сделать, в меню внизу.
stale-button-in-question = Эта кнопка от старого вопроса. Ответьте, пожалуйста, на последний или нажмите /cancel.
not-understood = Не понимаю. Пришлите показания — например 1234 или Т1 1234 Т2 567 — или выберите в меню внизу.
not-readable = Такое сообщение прочитать не умею. Пришлите число, текст или фото счётчика.
command-unknown = Такой команды нет. Что умею: /help.
group-hint = Показания — дело личное. Напишите мне в личные сообщения.
notice-wait = Записываю… Напишу, как только сохранится.
notice-broken = С этим сообщением что-то пошло не так, мы уже разбираемся. Попробуйте ещё раз из меню внизу.
superseded = Это уже обработано. Посмотрите историю или начните заново из меню внизу.
