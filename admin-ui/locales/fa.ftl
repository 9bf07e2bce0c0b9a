# کنسول به فارسی.

## Frame
skip = رفتن به محتوا
nav = فهرست اصلی
nav-overview = نمای کلی
nav-sessions = نشست‌ها
nav-users = کاربران
nav-tor = Tor
nav-services = سرویس‌ها
nav-logs = گزارش‌ها
nav-keys = کلیدها و ممیزی
nav-audit = ردپای ممیزی
nav-settings = تنظیمات
nav-about = درباره
nav-more = بیشتر
jump = جست‌وجو یا رفتن به
nothing-found = چیزی پیدا نشد
palette-acts = کنش
palette-pages = صفحه
server-line = { $version } · روشن از { $span } پیش
role = نقش
role-owner = مالک
role-operator = گرداننده
role-viewer = بیننده
language = زبان
theme = پوسته
theme-system = مانند سیستم
theme-light = روشن
theme-dark = تیره
apply = اعمال
look = زبان و پوسته
loading = در حال بارگیری
retry = تلاش دوباره
to-overview = رفتن به نمای کلی
live-at = زنده، { $time } UTC

## Instead of content
signed-out-title = از حساب خارج شده‌اید
signed-out-text = ورود شما پایان یافته یا لغو شده است. برای بازگشت به این صفحه وارد شوید.
forbidden-title = نقش شما این را اجازه نمی‌دهد
forbidden-text = این صفحه نقش دیگری می‌خواهد. مالک می‌تواند نقش شما را تغییر دهد.
not-found-title = پیدا نشد
not-found-text = این نشانی وجود ندارد یا دیگر وجود ندارد.
unreachable-title = ارتباط با سرور قطع شد
unreachable-text = مرورگر به سرور دسترسی ندارد. تونل دستگاه‌ها از این اثر نمی‌گیرد.
unavailable-title = { $part } پاسخ نداد
unavailable-text = تونل‌های برقرار ادامه دارند. دوباره تلاش کنید و اگر ادامه داشت سرویس را بررسی کنید.
too-many-title = درخواست‌های بیش از حد

## Numbers and times
none = هیچ
none-yet = هنوز هیچ
not-known = نامشخص
not-limited = نامحدود
set = تنظیم شده
not-set = تنظیم نشده
now = اکنون
today-at = امروز { $time }
since = به مدت { $span }
percent = { $n }٪
span-seconds = { $n } ثانیه
span-minutes = { $n-minutes } دقیقه و { $n-seconds } ثانیه
span-hours = { $n-hours } ساعت و { $n-minutes } دقیقه
span-days = { $n-days } روز و { $n-hours } ساعت
of-amount = { $used } از { $total }
of-max = {" "}از { $n }
time = زمان

## Lists
before = قبلی
next = بعدی
pager-range = { $n-first } تا { $n-last } از { $n-total }
remove-filter = حذف فیلتر
remove-filters = حذف فیلترها
search = جست‌وجو
state = وضعیت
what = چه
desired = خواسته
actual = واقعی
reason = دلیل
desired-actual = خواسته و واقعی

## Sign-in and set-up
sign-in = ورود
sign-in-for = برای گردانندگان این سرور.
sign-in-ended = ورود شما پایان یافت. به صفحه‌ای که بودید بازمی‌گردید.
field-name = نام
field-name-hint = حروف، ارقام، نقطه و خط تیره. در ردپای ممیزی دیده می‌شود.
field-password = گذرواژه
field-password-hint = دست‌کم ۱۰ نویسه.
go-on = ادامه
lost-password = گذرواژه را گم کرده‌اید؟ کاربر root روی سرور گذرواژهٔ تازه می‌گذارد:
lost-factor = دستگاه را گم کرده‌اید؟ کاربر root روی سرور عامل دوم را بازنشانی می‌کند:
code-title = عامل دوم
code-text = کدی را که برنامهٔ احراز هویت نشان می‌دهد وارد کنید.
field-code = کد
field-code-hint = شش رقم، یا یک کد بازیابی.
set-up-title = راه‌اندازی این سرور
set-up-text = نخستین گرداننده را بسازید. او مالک می‌شود.
set-up-create = ساختن مالک
problem-credentials = نام یا گذرواژه نادرست است.
attempts-left =
    { $n ->
        [0] تلاشی باقی نمانده است؛ ۱۵ دقیقه صبر کنید.
       *[other] { $n } تلاش باقی مانده است.
    }
problem-code = کد نادرست است یا پیش‌تر استفاده شده است.
problem-rate = تلاش‌ها زیاد بود. ۱۵ دقیقه صبر کنید.
problem-requests = درخواست‌ها در زمان کوتاه زیاد بود. یک دقیقه صبر کنید و دوباره تلاش کنید.
problem-name-taken = این نام گرفته شده است. نام دیگری برگزینید.
problem-weak-password = گذرواژه کوتاه یا شناخته‌شده است. گذرواژهٔ بلندتری برگزینید.
problem-setup-link = پیوند راه‌اندازی منقضی یا استفاده شده است. روی سرور پیوند تازه‌ای بسازید.
problem-other = سرور این را نپذیرفت. دوباره تلاش کنید.

## Overview
range = بازهٔ زمانی
range-live = زنده
range-hour = ۱ ساعت
range-day = ۲۴ ساعت
range-month = ۳۰ روز
invite = دعوت
attention = نیازمند توجه
attention-none = همه‌چیز همان‌گونه است که باید
attention-rest = باقی چیزها همان‌گونه است که باید
attention-degraded = { $name } کاهش کارایی دارد.
attention-down = { $name } اجرا نمی‌شود.
attention-open = باز کردن { $name }
attention-disk = دیسک پوشهٔ وضعیت { $n }٪ پر است.
attention-disk-open = باز کردن تنظیمات
attention-lane = مسیر { $lane } بسته‌ای عبور نمی‌دهد.
attention-lane-devices = { $n ->
    [one] { $n } دستگاه در آن اینترنت ندارد.
   *[other] { $n } دستگاه در آن اینترنت ندارند.
}
state-online = برخط
state-offline = برون‌خط
state-connecting = در حال اتصال
of-sessions = از { $n ->
    [one] { $n } نشست
   *[other] { $n } نشست
}
addresses-held = نشانی‌ها نگه داشته شده‌اند
devices = { $n ->
    [one] { $n } دستگاه
   *[other] { $n } دستگاه
}
lane-direct = مسیر direct
lane-tor = مسیر tor
from-devices = { $rate } از دستگاه‌ها
to-devices-short = به دستگاه‌ها
from-devices-short = از دستگاه‌ها
lanes = مسیرها
lanes-note = ضخامت لوله به اندازهٔ لایه‌های رمزنگاری باقی‌مانده است
path-of = راه بسته‌ها، مسیر { $lane }
gateway = دروازه
internet = اینترنت
guard = گره نگهبان
middle = گره میانی
exit = گره خروج
sees-gateway = دروازه را می‌بیند
sees-exit = خروج را می‌بیند
never-forwards = هرگز هدایت نمی‌کند
countries = { $n ->
    [one] { $n } کشور
   *[other] { $n } کشور
}
gate-open = باز
gate-maintenance = نگهداری
gate-closed = بسته
throughput = گذردهی به دستگاه‌ها
chart-sentence = کمترین { $low }، بیشترین { $high }، اکنون { $now }.
chart-empty = هنوز مقداری نیست.
machine = این ماشین
processor = پردازنده
memory-word = حافظه
state-disk = دیسک وضعیت
level-high = زیاد
level-very-high = خیلی زیاد
dependencies = وابستگی‌ها
latest = تازه‌ترین رویدادها

## Services
service = سرویس
up = در حال اجرا از
cpu = پردازنده
cpu-course = پردازنده، دقیقه‌های اخیر
restarts = راه‌اندازی دوباره
services-ready = { $n-ready } از { $n } آماده
service-ready = آماده
service-starting = در حال شروع
service-degraded = کاهش کارایی
service-failed = ناموفق
service-stopped = متوقف
desired-running = در حال اجرا
desired-stopped = متوقف

## Sessions
session = نشست
user = کاربر
device = دستگاه
lane = مسیر
to-device = به دستگاه
from-device = از دستگاه
transferred = منتقل‌شده
handshake = دست‌دهی
heartbeat = تپش
connected-for = مدت اتصال
endpoint = نقطهٔ پایانی
address = نشانی
sessions-find = کاربر، دستگاه یا نشانی
sessions-count = { $n ->
    [one] { $n } نشست
   *[other] { $n } نشست
}: { $n-online } برخط، { $n-offline } برون‌خط
sessions-none = هنوز نشستی نیست
sessions-none-text = دستگاه‌ها هنگام اتصال اینجا دیده می‌شوند. نخستین نفر را دعوت کنید.
sessions-none-match = هیچ نشستی مطابقت ندارد
rate-last-minute = نرخ، دقیقهٔ اخیر
down-and-up = { $down } به دستگاه، { $up } از آن

## Users
email = نشانی رایانامه
connected = متصل
second-factor = عامل دوم
latest-login = آخرین ورود
users-find = نام یا نشانی رایانامه
users-none = هنوز کاربری نیست
users-none-text = نخستین نفر را دعوت کنید: دعوت، کاربر و دستگاه او را می‌سازد.
users-none-match = هیچ کاربری مطابقت ندارد
user-active = فعال
user-suspended = تعلیق‌شده
created = ساخته‌شده در { $date }
limits = محدودیت‌ها
devices-at-once = دستگاه هم‌زمان
peer-group = گروه همتا
devices-title = دستگاه‌ها
devices-none = هنوز دستگاهی نیست
devices-none-text = دستگاه پس از ثبت با دعوت یا صدور، اینجا دیده می‌شود.
enrolled = ثبت‌شده

## Tor
bootstrap = شروع Tor
exits-by-country = گره‌های خروج بر پایهٔ کشور
circuit = مدار
circuits = مدارها
circuit-path = نگهبان، میانی، خروج
circuits-note = { $n } باز
circuits-none = مداری نیست
circuits-none-text = Tor پس از اتصال مدار می‌سازد.
purpose = هدف
tor-log = گزارش Tor

## Logs
logs-query = پرس‌وجو، برای نمونه: level>=warn service:dns
logs-none = خطی نیست
logs-none-text = هیچ خطی در بازهٔ نگهداری با پرس‌وجو مطابقت ندارد.

## Keys and audit
keys-tab = کلیدها
key = کلید
used-since = در استفاده از
key-current = جاری
key-next = بعدی
actor = کنشگر
action = کنش
outcome = نتیجه
outcome-done = انجام شد
outcome-refused = رد شد
outcome-failed = ناموفق
target = هدف کنش
audit-find = آغاز یک کنش، مانند user.
audit-count = { $n ->
    [one] { $n } مدخل
   *[other] { $n } مدخل
}
audit-none = مدخلی نیست

## Settings
operators = گردانندگان
operator = گرداننده
sign-ins = ورودهای شما
this-sign-in = همین
signed-in-at = زمان ورود
latest-use = آخرین استفاده
effective-values = پیکربندی مؤثر
setting = تنظیم
value = مقدار
origin = منشأ
origin-default = درون‌ساخته
origin-file = پرونده
version = نسخه
licence = پروانه

## Live data
as-of = داده‌های ساعت { $time } UTC
paused-at = متوقف در { $time } UTC
server = سرور
pause = توقف
resume = ادامه دادن
lost-text = ارتباط با سرور قطع شده است. مقدارها پیشین‌اند؛ صفحه خودبه‌خود ادامه می‌دهد.
kept-text = { $part } پاسخ نداد. مقدارها پیشین‌اند.

## Changes
cancel = انصراف
dismiss = بستن پیام
save = ذخیره
change = تغییر
finish = بستن
copy = رونوشت
copied = رونوشت شد
confirm-title = هویت خود را تأیید کنید
confirm-text = این تغییر دوباره گذرواژهٔ شما را می‌خواهد. تأیید تا پنج دقیقه معتبر است.
problem-not-allowed = نقش شما این را اجازه نمی‌دهد.
problem-signed-out = ورود شما پایان یافته است. دوباره وارد شوید.
problem-csrf = این صفحه از ورود پیشین است. آن را بازخوانی و دوباره تلاش کنید.
problem-last-owner = آخرین مالک نه حذف می‌شود و نه نقشش را از دست می‌دهد.
problem-server = سرور این را رد کرد: { $detail }.
problem-number = عددی صحیح از { $n-min } تا { $n-max } بنویسید.
problem-amount = عددی بنویسید یا خالی بگذارید.
sign-out = خروج
effect-device = دستگاه ارتباطش را از دست می‌دهد
effect-sessions = { $n ->
    [one] نشست اکنون پایان می‌یابد
   *[other] نشست اکنون پایان می‌یابند
}
effect-devices = { $n ->
    [one] دستگاه باید دوباره وارد شود
   *[other] دستگاه باید دوباره وارد شوند
}
effect-removed = { $n ->
    [one] دستگاه حذف می‌شود
   *[other] دستگاه حذف می‌شوند
}
effect-tor = { $n ->
    [one] دستگاه در مسیر tor اینترنت ندارد
   *[other] دستگاه در مسیر tor اینترنت ندارند
}

## Changes of sessions and users
disconnect = قطع ارتباط
disconnect-title = ارتباط { $device } از { $user } قطع شود؟
disconnect-text = تونل اکنون پایان می‌یابد. دستگاه می‌تواند دوباره وصل شود؛ برای جلوگیری، کاربر را معلق کنید.
done-disconnected = ارتباط { $device } قطع شد.
suspend = تعلیق
suspend-title = { $user } معلق شود؟
suspend-text = ورودها و نشست‌ها پایان می‌یابند و تا فعال‌سازی دوباره، ورود تازه‌ای ممکن نیست. چیزی حذف نمی‌شود.
done-suspended = { $user } معلق شد.
reactivate = فعال‌سازی دوباره
reactivate-title = { $user } دوباره فعال شود؟
reactivate-text = کاربر می‌تواند دوباره وارد و متصل شود.
done-reactivated = { $user } می‌تواند دوباره وصل شود.
revoke = پایان همهٔ ورودها
revoke-title = همهٔ ورودهای { $user } پایان یابد؟
revoke-text = نشست‌ها پایان می‌یابند و هر دستگاه باید دوباره وارد شود. کاربر معلق نمی‌شود.
done-revoked = همهٔ ورودهای { $user } پایان یافت.
delete = حذف
delete-title = { $user } حذف شود؟
delete-text = این کار بازگشت‌پذیر نیست. ردپای ممیزی رکوردهایش را نگه می‌دارد.
done-deleted = { $user } حذف شد.
remove = حذف دستگاه
remove-device-title = { $device } حذف شود؟
remove-device-text = ورود و نشست آن پایان می‌یابد. با دعوت می‌توان آن را دوباره ثبت کرد.
done-device-removed = { $device } حذف شد.
invite-device = دعوت دستگاه
invite-title = دعوت کاربر
invite-title-device = دعوت دستگاهی از { $user }
invite-text = فرد با این پیوند، کاربر و نخستین دستگاهش را می‌سازد.
invite-text-device = این پیوند یک دستگاه دیگر ثبت می‌کند. گذرواژهٔ کاربر هم لازم است.
field-days = روزهای اعتبار
field-days-hint = ۱ تا ۳۰
field-devices-hint = ۱ تا ۱۰
invite-create = ساختن دعوت
invited-title = دعوت
invited-text = کد را اسکن کنید یا پیوند را از راهی مطمئن بفرستید. یک بار کار می‌کند و فقط اکنون نشان داده می‌شود.
invited-link = پیوند
invited-until = معتبر تا
invited-qr = دعوت به شکل کد QR
new-user = کاربر تازه
create-user = ساختن کاربر
done-created = { $name } ساخته شد.
limits-title = محدودیت‌های { $user }
field-quota = سهمیهٔ ماهانه به GB
field-rate-down = به هر دستگاه به Mbit/s
field-rate-up = از هر دستگاه به Mbit/s
field-empty-hint = خالی: بدون محدودیت
peer-group-tick = دستگاه‌ها در مسیر direct به هم دسترسی دارند
done-changed = { $user } تغییر کرد.

## Changes of Tor, services and keys
tor-identity = هویت تازه
tor-identity-title = مدارهای تازه برای همهٔ دستگاه‌ها ساخته شود؟
tor-identity-text = جریان‌های تازه از مدارهای تازه می‌روند. جریان‌های باز روی مدار خود می‌مانند.
done-identity = Tor برای جریان‌های تازه مدار تازه می‌سازد.
tor-probe = آزمون اکنون
done-probed = آزمون در { $n } ms از { $country } گذشت.
done-probe-failed = آزمون ناموفق بود: { $reason }.
tor-stop = توقف Tor
tor-stop-title = Tor متوقف شود؟
tor-stop-text = مسیر tor تا آغاز دوبارهٔ Tor بسته است. مسیر direct تأثیری نمی‌پذیرد.
done-tor-stopped = Tor باید متوقف شود.
tor-start = آغاز Tor
tor-start-title = Tor آغاز شود؟
tor-start-text = مسیر هنگامی باز می‌شود که Tor مدار داشته و آزمونی گذشته باشد.
done-tor-started = Tor باید اجرا شود.
tor-down = نگهداری
tor-down-title = مسیر tor به حالت نگهداری برود؟
tor-down-text = دستگاه‌ها صفحه‌ای می‌بینند که این را می‌گوید. Tor اجرا می‌ماند و مسیر direct تأثیری نمی‌پذیرد.
done-tor-down = مسیر tor در حالت نگهداری است.
tor-up = باز کردن مسیر
tor-up-title = مسیر tor باز شود؟
tor-up-text = بسته‌ها به محض آمادگی Tor عبور می‌کنند.
done-tor-up = مسیر tor باز می‌شود.
restart = آغاز دوباره
restart-title = { $service } دوباره آغاز شود؟
stop = توقف سرویس
stop-title = { $service } متوقف شود؟
stop-text = تا زمانی که آن را آغاز کنید متوقف می‌ماند.
start = آغاز
start-title = { $service } آغاز شود؟
start-text = از اکنون باید اجرا شود. این به حلقهٔ خرابی هم پایان می‌دهد.
done-restarted = { $service } دوباره آغاز می‌شود.
done-stopped = { $service } متوقف می‌شود.
done-started = { $service } آغاز می‌شود.
notice-auth = برای لحظه‌ای ورود ممکن نیست. نشست‌ها ادامه می‌یابند.
notice-session = ضربان‌ها لحظه‌ای منتظر می‌مانند. نشست‌ها ادامه می‌یابند.
notice-wg = بسته‌ها کمتر از دو ثانیه متوقف می‌شوند.
notice-tor = مسیر tor تا گذشتن آزمونی از Tor بسته است.
notice-dns = برای لحظه‌ای نام‌ها در مسیر direct پیدا نمی‌شوند.
notice-client-api = دستگاه‌ها لحظه‌ای منتظر پاسخ می‌مانند.
notice-admin = این صفحه خودبه‌خود دوباره وصل می‌شود.
notice-telemetry = نمودارها و گزارش‌ها فاصله‌ای خالی خواهند داشت.
notice-other = سرویس‌های دیگر ادامه می‌دهند.
rotate-keys = تعویض اکنون
rotate-title = کلیدهای امضا و ورود عوض شوند؟
rotate-text = کلیدهای تازه ساخته و پس از زمان آمادگی به کار می‌روند. کلیدهای پیشین برای بررسی معتبر می‌مانند؛ ورودی پایان نمی‌یابد.
effect-logins = ورود پایان می‌یابد
done-rotated = کلیدهای تازه ساخته شد.
check-keys = بررسی همهٔ کلیدها
done-checked = { $n ->
    [one] { $n } پرونده، بدون مشکل
   *[other] { $n } پرونده، بدون مشکل
}
verify-audit = بررسی
done-verified = { $n ->
    [one] { $n } رکورد، زنجیره سالم است
   *[other] { $n } رکورد، زنجیره سالم است
}
done-verified-broken = زنجیره در رکورد { $n } شکسته است.

## Changes of operators
new-operator = گردانندهٔ تازه
create-operator = ساختن گرداننده
change-role = تغییر نقش
reset-factor = بازنشانی عامل‌ها
reset-factor-title = عامل‌های { $name } بازنشانی شود؟
reset-factor-text = برنامهٔ احراز هویت، کدهای بازیابی، کلیدهای عبور و توکن‌های API حذف می‌شوند. گرداننده سپس فقط با گذرواژه وارد می‌شود.
done-factor-reset = برنامهٔ احراز هویت، کلیدهای عبور و توکن‌های API گردانندهٔ { $name } حذف شدند.
remove-operator-title = { $name } حذف شود؟
remove-operator-text = همهٔ ورودهای گرداننده پایان می‌یابد. ردپای ممیزی نام را نگه می‌دارد.
done-operator-removed = { $name } حذف شد.
revoke-sign-in-title = این ورود پایان یابد؟
revoke-sign-in-text = مرورگر باید دوباره وارد شود.
done-sign-in-revoked = ورود پایان یافت.
end-sign-in = پایان ورود
yes = بله
no = خیر

## Parts of pages
pager-rows = { $n ->
    [one] { $n } ردیف
   *[other] { $n } ردیف
}
none-match-text = ردیفی با پالایه‌ها نمی‌خواند.
sessions = { $n ->
    [one] { $n } نشست
   *[other] { $n } نشست
}
users = { $n ->
    [one] { $n } کاربر
   *[other] { $n } کاربر
}
quota-month = سهمیهٔ ماهانه
history = نشست‌های پیشین
started = آغاز
lasted = مدت
ended-by = علت پایان
login = ورود
logged-in = وارد شده
logged-out = خارج شده
key-usage = برای
key-phase = مرحله
key-id = شناسه
created-at = ساخته شده
key-gone = حذف
usage-access = توکن‌های دسترسی
usage-refresh = توکن‌های تازه‌سازی
usage-login = ورود، نسخهٔ { $n }
key-verify-only = فقط بررسی
rotating = تعویض در جریان است
next-rotation = تعویض بعدی { $time }
rotation-by-hand = تعویض فقط دستی
pinned = آنچه دستگاه‌ها سنجاق می‌کنند
pinned-text = SHA-256 کلید گواهی TLS
audit-none-text = رکوردی با این کنش نیست.
range-quarter = ۱۵ دقیقه
range-week = ۷ روز
logs-help = واژه‌ها، "عبارت‌ها"، prefix*، level>=warn، service:wg، field.lane:tor، با AND، OR، NOT.
lines = { $n ->
    [one] { $n } خط
   *[other] { $n } خط
}
lines-sentence = { $n-total } خط، { $n-warn } در سطح warn و { $n-error } در سطح error.
tor-process = Tor
kernel = هسته
health = سلامت
probe = آزمون
passed = گذشت
streams = جریان‌های باز
read-and-written = { $read } خوانده، { $written } نوشته
country = کشور
exit-relays = رله‌های خروج
part-of-all = سهم از همه
countries-in-use = کشورهای خروج در حال استفاده
chosen = برگزیده
starting-at = در حال آغاز، { $n } ٪
as-desired = چنان‌که خواسته شده
not-as-desired = جز آنچه خواسته شده
part-identity = پایگاه کاربران
part-sessions = پایگاه نشست‌ها
part-live = وضعیت زنده
part-tor = شبکهٔ Tor
part-canary = هشداردهندهٔ نشت
part-firewall = دیوار آتش
attention-firewall = دیوار آتش هسته با سیاست یکسان نیست.
attention-firewall-text = مسیر tor تا بازسازی آن بسته می‌ماند.
attention-canary = هشداردهندهٔ نشت سالم نیست.
attention-canary-text = مسیر tor تا یک دور پاک بسته می‌ماند.
addresses = نشانی‌ها
of-addresses = اجاره‌شده از { $n }
connects = اتصال‌ها
per-minute = در دقیقه
devices-word = دستگاه‌ها
received-and-sent = { $received } ورودی، { $sent } خروجی
interface-name = شبکهٔ { $name }
origin-chosen = در نخستین آغاز برگزیده شده
origin-operator = به‌دست گرداننده تنظیم شده
file-changed = پرونده از آغاز تغییر کرده است. آغاز دوباره آن را اعمال می‌کند.

## بدون بخش مرورگر
no-program-text = مقادیر خودبه‌خود تغییر نمی‌کنند و پنجره‌ها باز نمی‌شوند: پرونده‌های کنسول برای مرورگر هنوز نصب نشده‌اند.

## راه‌اندازی
step-operator = نخستین گرداننده
step-operator-text = نام و گذرواژهٔ کسی که این سرور را اداره می‌کند
step-host = نام میزبان
step-host-text = نشانی‌ای که دستگاه‌ها صدا می‌زنند
step-invite = نخستین دعوت‌نامه
step-invite-text = یک پیوند و یک کد QR برای نخستین دستگاه
step-done = انجام شد
host-title = دستگاه‌ها کجا را صدا می‌زنند؟
host-text = نام یا نشانی‌ای که از جای دستگاه‌های شما به این سرور می‌رسد. هر دعوت‌نامه آن را در بر دارد.
field-host = نام میزبان یا نشانی
keep-host = همین نام بماند
skip-step = رد شدن
device-api = API دستگاه‌ها
reach-name = باید از جای دستگاه‌های شما به این سرور برسد.
reach-public = نشانی‌ای در اینترنت عمومی.
reach-private = نشانی خصوصی: دستگاه‌های جاهای دیگر به درگاه هدایت‌شده و نشانی عمومی مسیریاب نیاز دارند.
reach-missing = این سرور نشانی ندارد. آن را به شبکه وصل کنید.
tor-opens = مسیر tor در ۱۰۰٪ با یک مدار و یک آزمون خودبه‌خود باز می‌شود. لازم نیست منتظر بمانید.
firewall-note = از اینجا دیده نمی‌شود که دیوار آتش جلوی این سرور درگاه‌ها را باز می‌گذارد یا نه. نخستین دستگاه آن را نشان می‌دهد.
problem-host = نام میزبان یا نشانی را بدون درگاه بنویسید.
first-invite-title = دعوت از نخستین دستگاه
first-invite-text = شخص کد را با برنامه می‌خواند یا پیوند را روی دستگاه باز می‌کند و نام و گذرواژه برمی‌گزیند.
another-invitation = دعوت‌نامهٔ دیگر
to-console = باز کردن کنسول
factor-advice = اگر گذرواژه فاش شود، عامل دوم از این گرداننده محافظت می‌کند.
waiting-device = در انتظار نخستین دستگاه
first-device-came = نخستین کاربر ثبت شد
or-word = یا
use-passkey = استفاده از کلید عبور
problem-passkey = مرورگر یا تأییدکننده این کار را به پایان نرساند. دوباره تلاش کنید.

## عامل دوم و کلیدهای عبور
set-up-factor = راه‌اندازی عامل دوم
factor-text = برنامهٔ تأییدکننده کدی نشان می‌دهد که هر ورود افزون بر گذرواژه به آن نیاز دارد.
factor-begin-text = گذرواژهٔ خود را تأیید کنید. عامل دوم تنها پس از پذیرش نخستین کد آن لازم می‌شود.
factor-remove-text = پس از آن ورود تنها به گذرواژه نیاز دارد.
factor-scan = کد را با برنامهٔ تأییدکننده بخوانید و شش رقمی را که نشان می‌دهد وارد کنید.
factor-qr = راز به‌صورت کد QR
factor-secret = راز
factor-code-hint = شش رقم
done-factor-removed = عامل دوم برداشته شد.
codes-title = کدهای بازیابی
codes-text = این کدها را نگه دارید. تنها اکنون نشان داده می‌شوند و هر یک یک بار جای یک کد تأییدکننده را می‌گیرد.
passkeys = کلیدهای عبور
passkey = کلید عبور
passkeys-none = هنوز کلید عبوری نیست
passkeys-none-text = کلید عبور جای گذرواژه و کد را می‌گیرد: دستگاه ثابت می‌کند که از آن شماست.
passkeys-need-tls = مرورگرها کلید عبور را تنها با HTTPS یا روی خود سرور پشتیبانی می‌کنند.
add-passkey = افزودن کلید عبور
add-passkey-text = گذرواژهٔ خود را تأیید کنید. سپس مرورگر می‌پرسد کلید عبور کجا نگه داشته شود.
passkey-name-hint = برای نمونه نام دستگاه
done-passkey-added = کلید عبور { $name } افزوده شد.
remove-passkey-title = { $name } برداشته شود؟
remove-passkey-text = دیگر با آن نمی‌توان وارد شد. ورودهای موجود ادامه می‌یابند.
done-passkey-removed = کلید عبور { $name } برداشته شد.

## توکن‌های API
tokens = توکن‌های API
token = توکن
token-may = اجازه‌ها
tokens-none = هنوز توکنی نیست
tokens-none-text = با توکن، یک برنامه تا زمان انقضا با حقوق برگزیده از API استفاده می‌کند.
expires = انقضا
new-token = توکن تازه
new-token-text = توکن از سوی شما و حداکثر با این حقوق عمل می‌کند. نام آن در ردپای ممیزی می‌آید.
create-token = ساختن توکن
token-name-hint = حرف، رقم، خط تیره و زیرخط
token-days-hint = ۱ تا ۳۶۵
problem-scopes = دست‌کم یک حق را برگزینید.
created-token-title = توکن API
created-token-text = توکن را اکنون رونوشت کنید. تنها یک بار نشان داده می‌شود و سرور تنها چکیدهٔ آن را نگه می‌دارد.
revoke-token = لغو
revoke-token-title = { $name } لغو شود؟
revoke-token-text = برنامه‌هایی که از این توکن استفاده می‌کنند از این پس رد می‌شوند.
done-token-revoked = { $name } لغو شد.

## پشتیبان
backup = پشتیبان
backup-text = پرونده‌ای با حساب‌ها، کلیدها و پیکربندی که با عبارت عبور مهر می‌شود. با tornadod restore بازیابی می‌شود.
create-backup = ساختن پشتیبان
create-backup-text = این پرونده همهٔ کلیدهای این سرور را در بر دارد. بدون عبارت عبور باز نمی‌شود و عبارت عبور ذخیره نمی‌شود.
passphrase = عبارت عبور
passphrase-hint = دست‌کم ۱۰ نویسه
done-backup = پشتیبان بارگیری شد.

## پیکربندی
values-changed = { $n-changed } از { $n-all } مقدار با پیش‌فرض تفاوت دارد
configuration-hint = پرونده را روی سرور تغییر دهید و سرویس را بازراه‌اندازی کنید. این دستور پیش از آن بررسی می‌کند:

## جست‌وجوهای ذخیره‌شده و برون‌بری
level = سطح
save-query = ذخیرهٔ جست‌وجو
saved-queries = جست‌وجوهای ذخیره‌شده
done-query-saved = جست‌وجوی { $name } ذخیره شد.
delete-query-title = جست‌وجوی { $name } حذف شود؟
delete-query-text = هیچ خطی از گزارش حذف نمی‌شود.
done-query-deleted = جست‌وجوی { $name } حذف شد.
download = بارگیری

## تصویرها
life-of-keys = عمر کلیدها
processes = فرایندها

## Pages of the server alone

all-pages = همهٔ صفحه‌ها
export-csv = CSV
export-jsonl = JSONL
row = ردیف
details = جزئیات
audit-find-actor = عامل، مانند operator:ann

## What is kept

kept-title = آنچه این سرور دربارهٔ افراد نگه می‌دارد
data-kept-text = هر جدول و ستون پایگاه‌های داده، از ساختار همین نسخه. چیز دیگری دربارهٔ افراد ذخیره نمی‌شود؛ مقصد اتصال دستگاه‌ها در هیچ‌جا ذخیره نمی‌شود.
kept-memory = تا پایان نشست، در حافظه و در یک پروندهٔ wg تا تونل‌ها پس از بازآغاز بمانند: نشانی‌ای که دستگاه از آن وصل می‌شود. با Redis دروازه‌های دیگر هم وضعیت نشست را می‌بینند.
kept-table = جدول
kept-purpose = هدف
kept-until = زمان حذف
kept-columns = ستون‌ها
kept-store = پایگاه دادهٔ { $name }
until-never = هرگز؛ حساب یا دستگاه حذف‌شده علامت می‌خورد و می‌ماند
until-removed = هنگامی که حذف یا جایگزین شود
until-expired = تا ۳۰ روز پس از انقضا
until-session = هنگام پایان نشست
until-history = { $n } روز پس از پایان
until-logs = حداکثر پس از { $n } روز
until-history-set = به تعداد روزهای [session] history_days پس از پایان
until-logs-set = حداکثر پس از روزهای [telemetry] retention_days
until-metrics = پس از یک ساعت، هفت روز و دو سال، بسته به فاصلهٔ آن‌ها
purpose-accounts = حساب‌های افرادی که از VPN استفاده می‌کنند
purpose-devices = دستگاه‌های آن‌ها
purpose-invitations = دعوت‌نامه‌ها
purpose-logins = ورودهای دستگاه‌ها
purpose-replays = محافظت در برابر ورودهای تکراری
purpose-operators = گردانندگان
purpose-sign-ins = ورودهای گردانندگان
purpose-factors = عامل‌های دوم و کدهای بازیابی
purpose-passkeys = کلیدهای عبور گردانندگان
purpose-tokens = توکن‌های API
purpose-audit = رد حسابرسی: چه کسی چه چیزی را تغییر داد
purpose-settings = تنظیماتی که گردانندگان تغییر داده‌اند
purpose-leases = کدام دستگاه کدام نشانی را در VPN دارد
purpose-sessions = نشست‌های کنونی
purpose-history = نشست‌های گذشته
purpose-exits = کشورهای خروجی برگزیده
purpose-usage = مجموع بایت‌ها، برای سهمیه‌ها و نمودارها
purpose-logs = خطوط گزارش سرویس‌ها
purpose-metrics = سنجه‌های سرور، بدون افراد
purpose-internal = نظم داخلی سرور، بدون افراد
content-identifier = شناسه
content-name = نام
content-email = نشانی ایمیل
content-hash = هش یک راز
content-sealed = راز مهرشده
content-public-key = کلید عمومی
content-preshared-key = کلید ازپیش‌مشترک
content-time = زمان
content-address = نشانی IP
content-bytes = بایت
content-setting = تنظیم
content-state = وضعیت
content-text = متن یک سرویس
content-number = شمارهٔ داخلی
licence-text = متن مجوز

## Deletion of log lines

delete-logs = حذف خطوط گزارش
delete-logs-text = خطوط از بایگانی و جست‌وجو حذف می‌شوند. این کار بازگشت‌پذیر نیست. رد حسابرسی ردیفی دربارهٔ آن نگه می‌دارد و پرونده‌هایی که پیش‌تر بارگیری شده‌اند تغییر نمی‌کنند.
all-lines = همهٔ خطوط
time-until = تا
time-from = از
delete-lines = حذف { $n ->
    [one] { $n } خط
   *[other] { $n } خط
}
done-logs-deleted = { $n ->
    [one] { $n } خط حذف شد.
   *[other] { $n } خط حذف شد.
}

## Services of the operating system

units = سرویس‌های سیستم‌عامل
unit = واحد
units-hint = نام‌برده در [os_services]؛ آن‌هایی را که در allow هستند می‌توان این‌جا آغاز، متوقف و بازآغاز کرد. پس از سه آغاز در ده دقیقه، بقیه رد می‌شوند.
notice-unit = systemd آن را انجام می‌دهد. آنچه به این واحد وابسته است ممکن است قطع شود.
read-only = فقط‌خواندنی

## Clock, columns, and what happened to a session

utc = { $time } UTC
columns = ستون‌ها
happenings = آنچه رخ داد
happened-began = نشست آغاز شد
happened-offline = بدون heartbeat یا handshake تازه
happened-recovered = بازیابی شد
happened-quota = سهمیهٔ کاربر تمام شد
happened-ended = نشست پیشین دستگاه پایان یافت
happened-detail = { $reason }، پس از { $span }، { $bytes } منتقل شد

## Live tail

tail = دنبال‌کردن زنده
tail-start = دنبال کردن
tail-stop = توقف
tail-waiting = خطوط این پرس‌وجو همین که نوشته شوند این‌جا پدیدار می‌شوند.
tail-missed = { $n ->
    [one] { $n } خط به‌دلیل کندی این مرورگر جا افتاد.
   *[other] { $n } خط به‌دلیل کندی این مرورگر جا افتاد.
}
