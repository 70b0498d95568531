"""People's names in many scripts, each with a spelling fit for a login."""

from __future__ import annotations

Pool = tuple[tuple[str, str], ...]


def _pool(text: str) -> Pool:
    """``name/login`` pairs; a name without a slash is its own login. Underscores stand for spaces."""
    pairs = []
    for word in text.split():
        name, _, login = word.partition("/")
        pairs.append((name.replace("_", " "), (login or name).lower()))
    return tuple(pairs)


# (language of the portal, first names, family names)
CULTURES: tuple[tuple[str, Pool, Pool], ...] = (
    (
        "en-US",
        _pool("James Mary Robert Patricia John Jennifer Michael Linda William Elizabeth David Susan"),
        _pool(
            "Smith Johnson O'Brien/obrien Williams Brown Jones Miller D'Angelo/dangelo Davis Smith-Jones/smithjones Wilson Taylor Anderson"
        ),
    ),
    (
        "fr-FR",
        _pool("Amélie/amelie Chloé/chloe François/francois Hélène/helene Jean-Luc/jeanluc Zoé/zoe Noël/noel Océane/oceane Benoît/benoit"),
        _pool(
            "Lefèvre/lefevre Durand Moreau Béranger/beranger Saint-Étienne/saintetienne L'Hôpital/lhopital Rousseau Müller-Roy/mullerroy"
        ),
    ),
    (
        "de-DE",
        _pool("Jürgen/juergen Jörg/joerg Käthe/kaethe Günter/guenter Anke Heike Sören/soeren Björn/bjoern"),
        _pool("Müller/mueller Schröder/schroeder Weiß/weiss Groß/gross Köhler/koehler Schmidt von_Bülow/vonbuelow Jäger/jaeger"),
    ),
    (
        "es-ES",
        _pool("José/jose María/maria Íñigo/inigo Lucía/lucia Ángel/angel Begoña/begona Raúl/raul"),
        _pool("García/garcia Núñez/nunez Muñoz/munoz de_la_Cruz/delacruz Peña/pena Ibáñez/ibanez Fernández-López/fernandezlopez"),
    ),
    (
        "pl-PL",
        _pool("Łukasz/lukasz Zofia Małgorzata/malgorzata Grzegorz Żaneta/zaneta Paweł/pawel"),
        _pool("Wójcik/wojcik Kowalczyk Łuczak/luczak Dąbrowski/dabrowski Śliwa/sliwa Żółć/zolc"),
    ),
    ("vi-VN", _pool("Hồng/hong Đức/duc Thảo/thao Quỳnh/quynh Tuấn/tuan"), _pool("Nguyễn/nguyen Trần/tran Lê/le Phạm/pham Đặng/dang")),
    (
        "ru-RU",
        _pool("Дмитрий/dmitry Ольга/olga Сергей/sergey Наталья/natalya Юрий/yury Фёдор/fedor"),
        _pool("Иванов/ivanov Смирнова/smirnova Щербаков/shcherbakov Кузнецов/kuznetsov Соловьёв/solovyov Петров-Водкин/petrovvodkin"),
    ),
    (
        "el-GR",
        _pool("Γιώργος/giorgos Ελένη/eleni Αλέξανδρος/alexandros Δήμητρα/dimitra Ιωάννης/ioannis"),
        _pool("Παπαδόπουλος/papadopoulos Νικολαΐδης/nikolaidis Οικονόμου/oikonomou Γεωργίου/georgiou"),
    ),
    (
        "ar-SA",
        _pool("محمد/mohammed فاطمة/fatima عبد_الله/abdullah ليلى/layla يوسف/yusuf"),
        _pool("الأحمد/alahmad حداد/haddad المصري/almasri بن_علي/benali"),
    ),
    ("he-IL", _pool("נועה/noa דוד/david שרה/sarah יוסי/yossi"), _pool("כהן/cohen לוי/levi מזרחי/mizrahi בן-דוד/bendavid")),
    ("zh-CN", _pool("伟/wei 秀英/xiuying 娜/na 敏/min 静/jing"), _pool("王/wang 李/li 张/zhang 欧阳/ouyang 刘/liu")),
    (
        "ja-JP",
        _pool("太郎/taro 花子/hanako 健/ken さくら/sakura 大輔/daisuke"),
        _pool("佐藤/sato 鈴木/suzuki 髙橋/takahashi 渡邊/watanabe 斎藤/saito"),
    ),
    ("ko-KR", _pool("민수/minsu 지현/jihyun 서연/seoyeon"), _pool("김/kim 이/lee 박/park 최/choi")),
    ("hi-IN", _pool("राहुल/rahul प्रिया/priya अनिल/anil सुनीता/sunita"), _pool("शर्मा/sharma वर्मा/verma सिंह/singh गुप्ता/gupta")),
)

# weights in 100: about half of the people have a plain Latin name
WEIGHTS: tuple[int, ...] = (30, 10, 9, 8, 5, 4, 8, 4, 5, 3, 5, 4, 2, 3)
CULTURE_OF_PERCENT: tuple[int, ...] = tuple(culture for culture, weight in enumerate(WEIGHTS) for _ in range(weight))

# big worlds need more family names than fourteen pools hold: 24 x 24 x 16 of these
_HEADS, _MIDDLES, _TAILS = (
    tuple(text.split())
    for text in (
        "Bar Ber Cal Dan Del Far Fen Gar Hal Har Jan Kal Kar Lam Lor Mar Mer Nor Pal Ros Sal Tan Val Wen",
        "a an ar e el en er i in ir o ol on or u un ab ad ed id od ud al il",
        "berg by da dez ford ham kin low man mont ner ra sen son ton ville",
    )
)


def long_tail(number: int) -> tuple[str, str]:
    name = _HEADS[number % 24] + _MIDDLES[number // 24 % 24] + _TAILS[number // 576 % 16]
    return name, name.lower()
