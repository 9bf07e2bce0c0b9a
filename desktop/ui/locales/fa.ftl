# پنجره به فارسی.

## عددها و زمان‌ها
none-yet = هنوز هیچ
today-at = امروز { $time }
span-seconds = { $n } ثانیه
span-minutes = { $n-minutes } دقیقه و { $n-seconds } ثانیه
span-hours = { $n-hours } ساعت و { $n-minutes } دقیقه
span-days = { $n-days } روز و { $n-hours } ساعت
countries = { $n ->
    [one] { $n } کشور
   *[other] { $n } کشور
}
ago = { $span } پیش
not-known = نامعلوم

## چارچوب
settings = تنظیمات
back = بازگشت
retry = تلاش دوباره
cancel = لغو
no-account = ثبت نشده
not-signed-in = وارد نشده

## بدون سرویس
waiting-title = در حال آغاز
waiting-text = پنجره منتظر سرویس است.
absent-title = سرویس پاسخ نمی‌دهد
absent-text = وضعیت تونل معلوم نیست. تونل برقرار و کلید قطع همچنان کار می‌کنند. پنجره به محض پاسخ سرویس دوباره وصل می‌شود.
absent-do = سرویس را آغاز کنید:
forbidden-title = این کاربر اجازهٔ استفاده از Tornado VPN را ندارد
forbidden-text = مدیر این رایانه باید کاربر شما را به گروه tornado بیفزاید. سپس از سیستم خارج و دوباره وارد شوید.
forbidden-do = به عنوان مدیر:

## ثبت
enrol-title = پیوستن به سرور
enrol-text = با دعوت‌نامهٔ گردانندهٔ آن.
enrol-link = دعوت‌نامه
enrol-link-hint = پیوند tornado:// یا تصویر چسبانده‌شدهٔ کد QR آن.
enrol-file = گشودن پرونده یا تصویر
enrol-type = نوشتن
enrol-paste = چسباندن پیوند
enrol-server = سرور
enrol-server-hint = نام یا نشانی آن، مانند vpn.example.net.
enrol-identity = هویت
enrol-identity-hint = بخش i پیوند، ۴۳ نویسه.
enrol-code = رمز دعوت
enrol-code-hint = بخش c پیوند.
enrol-username = نام حساب
enrol-username-hint = نام تازه حساب شما را می‌سازد. اگر دعوت‌نامه برای حساب کنونی شماست، خالی بگذارید.
enrol-password = گذرواژه
enrol-password-hint = اگر تازه است، دست‌کم ۱۰ نویسه.
enrol-device = نام این دستگاه
enrol-submit = پیوستن
enrol-busy = در حال پیوستن

## ورود
sign-in-title = ورود
sign-in-text = به { $server } با نام { $user }.
sign-in-kept = ورود پایان یافته است. این دستگاه ثبت‌شده می‌ماند و تنظیمات شما نگه داشته می‌شود.
password = گذرواژه
code = رمز برنامهٔ تأیید
code-hint = یا یکی از رمزهای بازیابی شما.
sign-in-submit = ورود
sign-in-busy = در حال ورود
sign-out = خروج

## وضعیت
state-disconnected = وصل نیست
state-disconnected-text = ترافیک از راه معمول خود می‌رود، نه از سرور شما.
state-disconnected-locked = کلید قطع همهٔ ترافیک را تا زمان اتصال می‌بندد.
state-connecting = در حال اتصال
state-connecting-text = تا برقراری تونل، ترافیک محافظت نمی‌شود.
state-connecting-locked = تا برقراری تونل، چیزی از این دستگاه خارج نمی‌شود.
state-connected = وصل است
state-connected-direct = همهٔ ترافیک از سرور شما خارج می‌شود.
state-connected-tor = همهٔ ترافیک از Tor خارج می‌شود؛ بقیه رد می‌شود.
state-silent = بدون پاسخ
state-silent-text = تونل برقرار است، اما سرور از آن پاسخ نمی‌دهد. شاید ترافیک از دست برود.
state-lane-closed = تونل برقرار است، اما مسیر { $lane } سرور بسته است: ترافیکی نمی‌گذرد.
state-lane-maintenance = تونل برقرار است، اما مسیر { $lane } سرور در دست تعمیر است: ترافیکی نمی‌گذرد.
state-exit-waits = تونل برقرار است. راه کشور خروجی ساخته می‌شود.
state-switching = در حال تغییر
state-switching-text = به مسیر { $lane }. تا آن زمان، ترافیک از مسیر پیشین می‌رود.
state-disconnecting = در حال قطع
state-disconnecting-text = تونل برداشته می‌شود.
state-blocked = بسته
state-blocked-text = چیزی از این دستگاه خارج نمی‌شود. کلید قطع جلوی آن را گرفته است.
state-blocked-always = کلید قطع روی همیشه است: تا زمان اتصال چیزی از این دستگاه خارج نمی‌شود.

## مسیرها
lane = مسیر
lane-direct = مستقیم
lane-direct-text = خروج از سرور شما
lane-tor = Tor
lane-tor-text = خروج از سه رله

## راه
path = راه بسته‌های شما
path-device = این دستگاه
path-not-used = بی‌استفاده
path-internet = اینترنت
path-sees-network = نشانی این شبکه را می‌بیند
path-sees-server = اینترنت سرور را می‌بیند
path-sees-exit = اینترنت خروجی را می‌بیند
path-kill-switch = کلید قطع
path-kill-switch-text = می‌گذرد: تنها راه سرور
path-no-circuit = هنوز مداری نیست
relay-guard = نگهبان
relay-middle = میانی
relay-exit = خروجی
exit-country = کشور خروجی
any-country = هر کشوری
new-identity = هویت تازه
new-identity-done = اتصال‌های تازه از مدارهای تازه می‌روند. اتصال‌های باز تا پایان، مدار خود را نگه می‌دارند.

## سرعت‌ها و داده‌ها
rates = سرعت‌ها
down = دریافت
up = ارسال
last-minute = دقیقهٔ گذشته
rates-summary = سرعت‌های دقیقهٔ گذشته: دریافت { $down }، ارسال { $up }، بیشینه { $highest }
connected-for = مدت اتصال
handshake = دست‌دهی
received = دریافتی
sent = ارسالی
resolver = DNS
resolver-own = از خود رایانه
protection = کلید
protection-post-quantum = پساکوانتومی
protection-usual = WireGuard
month = این ماه
month-of = { $used } از { $limit }
month-left = { $left } مانده
month-renews = تازه شدن در { $n ->
    [one] { $n } روز
   *[other] { $n } روز
}
quota-used = سهمیهٔ مصرف‌شده

## کنترل‌ها
connect = اتصال
disconnect = قطع اتصال
connect-again = اکنون تلاش کن
give-up = قطع و ادامه بدون محافظت
give-up-title = بدون محافظت؟
give-up-text = تونل رها می‌شود و ترافیک این دستگاه از راه معمول خود می‌رود، نه از سرور شما.
give-up-confirm = ادامه بدون محافظت

## مشکل‌ها
problem = مشکل
control-unreachable = رابط دستگاه‌های سرور پاسخ نمی‌دهد. تونل تا پایان مهلت آن برقرار می‌ماند؛ سرویس به تلاش ادامه می‌دهد.
error-invalid-credentials = نام حساب یا گذرواژه نادرست است.
error-totp-required = این حساب عامل دوم دارد. رمز برنامهٔ تأیید خود را بنویسید.
error-totp-invalid = رمز نادرست است یا پیش‌تر به کار رفته است. منتظر رمز بعدی بمانید.
error-too-many-attempts = تلاش‌ها بیش از اندازه بود. { $span } صبر کنید و دوباره تلاش کنید.
error-too-many-attempts-soon = تلاش‌ها بیش از اندازه بود. چند دقیقه صبر کنید و دوباره تلاش کنید.
error-bad-invitation = این پیوند دعوت معتبر نیست. آن را دوباره و کامل رونوشت بردارید.
error-invalid-invitation = دعوت‌نامه پیش‌تر به کار رفته، منقضی یا پس گرفته شده است. از گرداننده دعوت‌نامهٔ دیگری بخواهید.
error-name-taken = این نام حساب گرفته شده است. نام دیگری برگزینید، یا اگر دعوت‌نامه برای حساب شماست خالی بگذارید.
error-max-devices = این حساب به سقف دستگاه‌های خود رسیده است. یکی را در کنسول سرور بردارید یا از گرداننده بپرسید.
error-user-inactive = حساب معلق است. از گرداننده بپرسید.
error-not-signed-in = ورود پایان یافته است. دوباره وارد شوید.
error-unreachable = سرور پاسخ نمی‌دهد. شبکهٔ این رایانه را بررسی کنید؛ هنگام اتصال دوباره تلاش می‌شود.
error-timeout = سرور به موقع پاسخ نداد. دوباره تلاش کنید.
error-no-handshake = سرور از این مسیر پاسخ نداد. شبکه‌ای که UDP را می‌بندد چنین اثری دارد؛ شبکه یا مسیر دیگری را بیازمایید.
error-untrusted = سرور دیگری در این نشانی پاسخ داد، پس چیزی فرستاده نشد. پیش از تلاش دوباره از گرداننده بپرسید.
error-clock = ساعت این رایانه نادرست است. آن را تنظیم کنید و دوباره تلاش کنید.
error-no-network = این رایانه راهی به سرور ندارد. با بازگشت شبکه، تونل ادامه می‌یابد.
error-quota-nearly = سهمیهٔ ماه رو به پایان است.
error-quota-used = سهمیهٔ ماه پایان یافته است. تا تازه شدن آن، ترافیکی نمی‌گذرد.
error-interference = برنامهٔ دیگری تنظیمات تونل این رایانه را تغییر داد. آن‌ها بازگردانده شدند.
error-device-name = این نام دستگاه پذیرفته نیست. از حرف، رقم، فاصله و خط تیره استفاده کنید.
error-account-name = این نام حساب پذیرفته نیست. از حرف، رقم، خط تیره و زیرخط استفاده کنید.
error-password-weak = گذرواژه بسیار ضعیف است. دست‌کم ۱۰ نویسه به کار ببرید که واژه‌ای رایج نباشد.
error-part = این بخشی از دعوت‌نامه نیست. سرور، هویت و رمز را با پیوند بسنجید.
error-no-invitation = پرونده دعوت‌نامه ندارد. متن دارای پیوند یا تصویر روشن کد QR کامل را بگشایید.
error-network = این شبکه را نمی‌توان بیرون گذاشت. یک نشانی و درازای دست‌کم ۸ بنویسید، برای IPv6 دست‌کم ۱۶.
error-address = این نشانی IP نیست. نام در اینجا کار نمی‌کند.
error-profile = این نام را نمی‌توان به کار برد. ۱ تا ۳۲ نویسه: a-z، 0-9 و خط تیره.
error-other = درخواست ناموفق بود.
error-code = کد { $code }

## تنظیمات
settings-app = این برنامه
theme = ظاهر
theme-system = مانند سیستم
theme-light = روشن
theme-dark = تیره
language = زبان
settings-start = آغاز
start-connect = اتصال با آغاز برنامه
start-connect-hint = در مسیری که آخرین بار به کار رفت
start-login = آغاز با ورود به سیستم
start-login-hint = در سینی سیستم، بدون پنجره
quit-disconnect = قطع اتصال هنگام بستن برنامه
quit-disconnect-hint = وگرنه تونل برقرار می‌ماند
quit = بستن برنامه
settings-account = حساب
version = نسخهٔ { $version }

## Tray
tray-pending = در جریان
tray-show = نمایش پنجره

## صفحه‌های تنظیمات
settings-protection = محافظت
change = تغییر
open = گشودن
apply = به کار بردن

## کلید قطع
lockdown = کلید قطع
lockdown-off = خاموش
lockdown-off-text = هر گاه تونلی برقرار نباشد، ترافیک از راه معمول خود می‌رود، حتی اگر تونل از دست برود.
lockdown-auto = اگر تونل از دست برود
lockdown-auto-text = اگر تونل از دست برود یا سرویس از کار بیفتد، تا برقراری دوبارهٔ تونل یا قطع آن از سوی شما چیزی خارج نمی‌شود.
lockdown-always = همیشه
lockdown-always-text = بدون تونل چیزی خارج نمی‌شود: هنگام قطع، پیش از ورود، در آغاز به کار رایانه و هنگام توقف سرویس نیز.
lockdown-local = شبکه‌های محلی
lockdown-lan = شبکهٔ محلی
lockdown-lan-hint = چاپگرها و پوشه‌های هم‌رسانی در دسترس می‌مانند، نام‌ها نه
lockdown-bridges = کانتینرها و ماشین‌های مجازی
lockdown-bridges-hint = شبکه‌های آن‌ها، حتی بدون شبکهٔ محلی
lockdown-way-out = بدون این پنجره:
consequence-off = اگر تونل از دست برود، ترافیک بدون محافظت خارج می‌شود.
consequence-off-now = ترافیک بی‌درنگ بدون محافظت خارج می‌شود.
consequence-auto = تا وقتی وصل نیستید، ترافیک از راه معمول خود می‌رود.
consequence-always = تا وقتی تونل برقرار است چیزی تغییر نمی‌کند. پس از قطع اتصال، چیزی از این دستگاه خارج نمی‌شود.
consequence-always-now = از اکنون تا زمان اتصال، چیزی از این دستگاه خارج نمی‌شود.

## شبکه‌های بیرون از تونل
networks = شبکه‌های بیرون از تونل
networks-text = این شبکه‌ها در هر وضعیتی مستقیم در دسترس‌اند. نام‌ها همچنان درون تونل پیدا می‌شوند.
networks-none = هیچ
networks-count = { $n ->
    [one] { $n } شبکه
   *[other] { $n } شبکه
}
networks-add-label = شبکه
networks-add-hint = یک نشانی، یا نشانی با درازا، مانند 203.0.113.0/24.
networks-add = افزودن
networks-remove = برداشتن { $network }

## صفحهٔ ورود شبکه
portal = صفحهٔ ورود شبکه
portal-hint = صفحهٔ ورود را ۶۰ ثانیه می‌گشاید
portal-is-open = { $address } باز است
portal-text = برخی شبکه‌ها پیش از عبور ترافیک صفحهٔ ورود نشان می‌دهند. ۶۰ ثانیه درگاه‌های ۸۰ و ۴۴۳ یک نشانی بیرون از تونل در دسترس‌اند.
portal-address = نشانی صفحهٔ ورود
portal-address-hint = بیشتر نشانی مسیریاب است.
portal-open = گشودن برای ۶۰ ثانیه
portal-open-text = { $address } تا { $span } دیگر بیرون از تونل در دسترس است.

## سرورها
profiles = سرورها
profiles-text = یک سرور در حال استفاده است. هر یک حساب و ورود خود را نگه می‌دارد.
profile-in-use = در حال استفاده
profile-use = استفاده
profile-rename = تغییر نام
profile-remove = برداشتن
profile-remove-text = ورود آن پایان می‌یابد و این دستگاه سرور را فراموش می‌کند. برای پیوستن دوباره به دعوت‌نامهٔ دیگری نیاز دارید.
profile-name = نام در این دستگاه
profile-name-hint = ۱ تا ۳۲ نویسه: a-z، 0-9 و خط تیره.
add-profile = افزودن سرور

## عامل دوم
factor = عامل دوم
factor-hint = رمزهای برنامهٔ تأیید
factor-text = با عامل دوم، ورود افزون بر گذرواژه به رمز یک برنامهٔ تأیید نیاز دارد.
factor-password-hint = گذرواژهٔ حساب شما.
factor-begin = راه‌اندازی
factor-end = برداشتن
factor-scan = این را با یک برنامهٔ تأیید بخوانید.
factor-qr = راز عامل دوم به شکل کد QR
factor-secret = یا بنویسید:
factor-code-hint = نخستین رمزی که برنامه نشان می‌دهد.
factor-confirm = تأیید
factor-enabled = از اکنون رمز لازم است. هر یک از این‌ها یک بار جای یک رمز را می‌گیرد. دوباره نشان داده نمی‌شوند: همین حالا نگه دارید.
factor-codes = رمزهای بازیابی
factor-stored = آن‌ها را نگه داشتم
factor-disabled = عامل دوم برداشته شد. برای ورود تنها گذرواژه لازم است.

## راهنمایی
report = گزارش
report-text = برای کسی که به شما کمک می‌کند. آنچه برنامه و سرویس می‌دانند در آن است؛ چیزی فرستاده نمی‌شود.
report-level = پوشاندن
report-all = بدون نام‌ها و نشانی‌ها
report-addresses = بدون نشانی‌ها
report-nothing = با همه چیز
report-save = ذخیره
report-saved = ذخیره شد: { $path }
log = رخدادها
log-text = آخرین سطرهای سرویس، بدون نام‌ها و نشانی‌ها.
log-read = خواندن دوباره
about = درباره
about-text = Tornado VPN نرم‌افزار آزاد است، زیر GNU General Public License نسخهٔ ۳ یا نو‌تر.
keys = صفحه‌کلید
keys-main = دکمهٔ بزرگ
keys-lanes = مستقیم، Tor
licences = نرم‌افزارهای درون آن
