# What the bot says about credits in Russian. Short, everyday words: first what there is, then what can
# be done. Figures and days come formatted, with no-break spaces.

credits-count =
    { $count ->
        [one] { $figure } кредит
        [few] { $figure } кредита
       *[many] { $figure } кредитов
    }
messages-count =
    { $count ->
        [one] { $figure } сообщение
        [few] { $figure } сообщения
       *[many] { $figure } сообщений
    }
days-count =
    { $count ->
        [one] { $figure } день
        [few] { $figure } дня
       *[many] { $figure } дней
    }

## First meeting

greeting-credits = Здравствуйте, { $name }! Это бот «{ $tenant }». Сообщения здесь оплачиваются кредитами, первые — в подарок.
greeting-credits-nameless = Здравствуйте! Это бот «{ $tenant }». Сообщения здесь оплачиваются кредитами, первые — в подарок.
consent-ask-credits =
    Чтобы начать, нужно ваше согласие.

    Что сохраним: ваше имя и номер в Telegram, ваши кредиты и на что они ушли. Телефон — только если вы сами его пришлёте.
    Зачем: чтобы вести ваш счёт и показывать вам историю.

    Согласие можно отозвать в настройках.
consent-ask-both =
    Чтобы начать, нужно ваше согласие.

    Что сохраним: ваше имя и номер в Telegram, счётчики и показания, ваши кредиты и на что они ушли. Телефон — только если вы сами его пришлёте.
    Зачем: чтобы принимать показания, вести ваш счёт и показывать вам историю.

    Согласие можно отозвать в настройках.
withdraw-ask-credits = Отозвать согласие? Кредиты останутся на счёте, но здесь их будет не видно. Дать согласие снова можно в любой момент.
credits-welcome =
    🎁 { $credits } в подарок!
    { $bar }
credits-welcome-none = Счёт открыт. Кредитов на нём пока нет.
credits-later = Счёт ещё открывается. Загляните через минуту: /balance.

## Main menu

menu-balance = Баланс
menu-credit-history = История кредитов
command-balance = Сколько у меня кредитов
command-credit-history = История кредитов
command-buy = Какие есть пакеты кредитов
command-tutorial = Знакомство за минуту
command-reset = Начать заново (для проверки)
help-credits =
    Это бот «{ $tenant }».

    Сообщения оплачиваются кредитами.
    /balance — сколько их у вас и на сколько хватит,
    /buy — какие есть пакеты.

    Прервать: /cancel. Язык: /language.
help-both =
    Сообщения в этом боте оплачиваются кредитами: /balance — сколько их у вас, /buy — какие есть пакеты.
not-understood-credits = Не понимаю. Выберите, что сделать, в меню внизу.

## Balance

balance-card =
    💳 { $credits }
    { $bar }
    { $status }
balance-held = Ждут доставки: { $credits }
balance-used = За { $days }: потрачено { $credits }, отправлено { $messages }
status-good = Всё в порядке
status-low = Осталось мало
status-empty = Кредиты кончились
status-pass = Действует абонемент до { $ends }: сообщения бесплатны
status-owed = Долг: { $credits }. Его закроет следующая покупка
advice-unused = 💡 { $messages } стоит { $credits }.
advice-free = 💡 Сообщения сейчас бесплатны.
advice-empty = 💡 За месяц у вас уходит около { $credits }.
advice-lasts = 💡 Если тратить как сейчас, хватит примерно на { $days }.
advice-lasts-long = 💡 Если тратить как сейчас, хватит больше чем на год.
advice-package = На месяц подойдёт пакет на { $credits }.
packages-button = Пакеты
tutorial-button = Знакомство
tutorial-button-bonus = Знакомство: +{ $credits }
balance-button = Баланс
credits-low =
    Осталось мало: { $credits }.
    { $bar }
credits-gone =
    Кредиты кончились.
    { $bar }

## Packages

packages = Пакеты кредитов:
packages-none = Пакетов пока нет.
packages-unpaid = Купить их прямо здесь пока нельзя: оплата ещё не подключена. Деньги не спишутся. Пополнить счёт может сотрудник.

## History

credit-history = История кредитов. Сейчас { $credits }.
credit-totals = Всего: куплено { $bought }, подарено { $given }, потрачено { $spent }, отправлено { $messages }.
credit-history-line = { $day }: { $what }, осталось { $left }
credit-month = В этом месяце: куплено { $bought }, потрачено { $spent }, в среднем { $daily } в день.
bought-product = куплено «{ $product }» за { $price }
bought = куплено за { $price }
fact-bought = { $bought }, { $credits }
credit-export-button = Файлом
credit-export =
    { $count ->
        [one] Ваша история кредитов: { $figure } строка.
        [few] Ваша история кредитов: { $figure } строки.
       *[many] Ваша история кредитов: { $figure } строк.
    }
credit-export-cut = Ваша история кредитов: последние { $figure } строк. О том, что было раньше, спросите нас.
column-day = Дата
column-time = Время
column-what = Что
column-credits = Кредиты
column-messages = Сообщения
column-left = Осталось
fact-opened = счёт открыт
fact-granted = начислено { $credits }
fact-pass = абонемент
fact-spent = { $messages }, { $credits }
fact-free = { $messages } по абонементу
fact-held = отложено { $credits }
fact-captured = отправлено отложенное: { $messages }
fact-returned = вернулось { $credits }
fact-expired = истёк срок: { $credits }
fact-part-returned = часть денег возвращена
fact-part-refunded = часть денег возвращена, списано { $credits }
fact-refunded = деньги возвращены, списано { $credits }
fact-revoked = отозвано { $credits }
fact-disputed = оплата оспорена
fact-settled = спор об оплате закончен, { $credits }
fact-debt = долг погашен, { $credits }
fact-forgiven = долг прощён
fact-reset = начато заново

## Tutorial

tutorial-offer = Показать за минуту, как всё устроено? Три коротких шага.
tutorial-offer-bonus = Показать за минуту, как всё устроено? Три коротких шага, в конце подарок: { $credits }.
tutorial-yes = Показать
tutorial-no = Не сейчас
tutorial-next = Дальше
tutorial-finish = Готово
tutorial-step =
    Шаг { $number } из { $steps } { $dots }

    { $text }
tutorial-one = { $messages } стоит { $credits }. Если сообщение не дошло, кредиты возвращаются сами.
tutorial-one-free = Сообщения сейчас бесплатны. Кредиты пригодятся позже.
tutorial-two = Сколько осталось, покажет /balance. Цвет полоски говорит сразу: 🟩 хватает, 🟨 меньше половины, 🟥 пора пополнить. Когда останется мало, напишу один раз.
tutorial-three = Всё, что пришло и ушло, видно в истории. Пакеты кредитов — /buy.
tutorial-done = Готово, теперь вы знаете всё.
tutorial-done-bonus =
    Готово! 🎁 Ещё { $credits } в подарок.
    { $bar }
tutorial-done-again = Готово. Подарок за знакомство вы уже получили.
tutorial-declined = Хорошо. Знакомство всегда здесь: /tutorial.

## Beginning anew

reset-done = Начинаем заново. Что было куплено, осталось.

## Refusals

refused-credits-off = Кредиты здесь сейчас выключены.
refused-test-switch = Начать заново можно только там, где бота проверяют.
refused-ledger-unknown = Счёт ещё не открыт. Загляните в /balance.
refused-books = С вашим счётом что-то не так, мы уже разбираемся. Пока с него ничего не спишется.
