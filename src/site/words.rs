//! The pages' own words, in each language that they speak, and dates as it writes them.
//!
//! What a newcomer gets wrong: a page speaks the language of what stands on it. Where that is none of these, it speaks English
//! and says so, and dates are plain numbers.

use chrono::{Datelike as _, NaiveDate, Weekday};

use super::rhythm::Rhythm;

/// What pages say of themselves, in one language.
#[derive(Debug)]
pub(super) struct Words {
    /// The language: the beginning of the tags of those who are spoken to in it.
    pub(super) lang: &'static str,
    speech: Speech,
    pub(super) skip: &'static str,
    pub(super) site: &'static str,
    pub(super) digests: &'static str,
    pub(super) subscribe: &'static str,
    pub(super) subscribe_how: &'static str,
    pub(super) copy: &'static str,
    pub(super) copied: &'static str,
    pub(super) open: &'static str,
    pub(super) all_feeds: &'static str,
    pub(super) sections: &'static str,
    pub(super) latest: &'static str,
    pub(super) all_digests: &'static str,
    pub(super) none_yet: &'static str,
    pub(super) languages: &'static str,
    pub(super) appears: &'static str,
    pub(super) expected: &'static str,
    pub(super) contents: &'static str,
    pub(super) around: &'static str,
    pub(super) older: &'static str,
    pub(super) newer: &'static str,
    pub(super) months: &'static str,
    pub(super) to_item: &'static str,
    pub(super) in_digest: &'static str,
    pub(super) published_with: &'static str,
    pub(super) not_found: &'static str,
    pub(super) not_found_why: &'static str,
    pub(super) gone_why: &'static str,
    pub(super) read_on: &'static str,
    /// The days of the week in a calendar, from Monday.
    pub(super) weekdays: [&'static str; 7],
}

/// How dates and numbers are said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speech {
    English,
    Chinese,
    Traditional,
    Japanese,
    Korean,
    /// English, but dates as numbers, which everybody reads.
    Numbers,
}

const ENGLISH: Words = Words {
    lang: "en",
    speech: Speech::English,
    skip: "Skip to the content",
    site: "Site",
    digests: "Digests",
    subscribe: "Subscribe",
    subscribe_how: "Copy an address into your feed reader, or open it there: what is new then comes to you.",
    copy: "Copy",
    copied: "Copied",
    open: "Open in reader",
    all_feeds: "All feeds as one list, which every reader imports:",
    sections: "Sections",
    latest: "Latest digests",
    all_digests: "All digests",
    none_yet: "The first digest is still to come.",
    languages: "Language",
    appears: "Appears",
    expected: "Next expected",
    contents: "In this digest",
    around: "Digests before and after",
    older: "Previous",
    newer: "Next",
    months: "Months",
    to_item: "Link to this item",
    in_digest: "In its digest",
    published_with: "Published with feedmill",
    not_found: "There is nothing at this address",
    not_found_why: "It may be mistyped, or what stood here has another name by now. What there is:",
    gone_why: "It has ended. Its feeds are gone for good, and readers may forget them.",
    read_on: "Read on at",
    weekdays: ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"],
};

/// To those whose language is none of these.
const FOREIGN: Words = Words { speech: Speech::Numbers, ..ENGLISH };

const CHINESE: Words = Words {
    lang: "zh",
    speech: Speech::Chinese,
    skip: "跳到正文",
    site: "网站",
    digests: "往期",
    subscribe: "订阅",
    subscribe_how: "把地址复制到你的阅读器，或直接在阅读器中打开，新内容就会自动送达。",
    copy: "复制",
    copied: "已复制",
    open: "在阅读器中打开",
    all_feeds: "全部订阅源合为一份列表，任何阅读器都能导入：",
    sections: "栏目",
    latest: "最新各期",
    all_digests: "全部各期",
    none_yet: "第一期尚未发布。",
    languages: "语言",
    appears: "出刊",
    expected: "预计下一期",
    contents: "本期内容",
    around: "上一期与下一期",
    older: "上一期",
    newer: "下一期",
    months: "月份",
    to_item: "本条链接",
    in_digest: "在当期中查看",
    published_with: "由 feedmill 发布",
    not_found: "此地址没有内容",
    not_found_why: "地址可能有误，或者内容已经换了名称。这里有：",
    gone_why: "本栏目已经结束，订阅源永久停用，可以从阅读器中移除。",
    read_on: "继续阅读：",
    weekdays: ["一", "二", "三", "四", "五", "六", "日"],
};

const TRADITIONAL: Words = Words {
    lang: "zh-Hant",
    speech: Speech::Traditional,
    skip: "跳到正文",
    site: "網站",
    digests: "往期",
    subscribe: "訂閱",
    subscribe_how: "把網址複製到你的閱讀器，或直接在閱讀器中開啟，新內容就會自動送達。",
    copy: "複製",
    copied: "已複製",
    open: "在閱讀器中開啟",
    all_feeds: "全部訂閱源合為一份清單，任何閱讀器都能匯入：",
    sections: "欄目",
    latest: "最新各期",
    all_digests: "全部各期",
    none_yet: "第一期尚未發布。",
    languages: "語言",
    appears: "出刊",
    expected: "預計下一期",
    contents: "本期內容",
    around: "上一期與下一期",
    older: "上一期",
    newer: "下一期",
    months: "月份",
    to_item: "本則連結",
    in_digest: "在當期中查看",
    published_with: "由 feedmill 發布",
    not_found: "此網址沒有內容",
    not_found_why: "網址可能有誤，或者內容已經換了名稱。這裡有：",
    gone_why: "本欄目已經結束，訂閱源永久停用，可以從閱讀器中移除。",
    read_on: "繼續閱讀：",
    weekdays: ["一", "二", "三", "四", "五", "六", "日"],
};

const JAPANESE: Words = Words {
    lang: "ja",
    speech: Speech::Japanese,
    skip: "本文へ移動",
    site: "サイト",
    digests: "バックナンバー",
    subscribe: "購読",
    subscribe_how: "アドレスをフィードリーダーにコピーするか、リーダーで開いてください。新しい記事が届くようになります。",
    copy: "コピー",
    copied: "コピーしました",
    open: "リーダーで開く",
    all_feeds: "すべてのフィードの一覧（どのリーダーでも読み込めます）：",
    sections: "セクション",
    latest: "最新号",
    all_digests: "すべての号",
    none_yet: "最初の号はまだありません。",
    languages: "言語",
    appears: "発行",
    expected: "次号の予定",
    contents: "この号の内容",
    around: "前後の号",
    older: "前の号",
    newer: "次の号",
    months: "月別",
    to_item: "この項目へのリンク",
    in_digest: "掲載号で読む",
    published_with: "feedmill で発行",
    not_found: "このアドレスには何もありません",
    not_found_why: "アドレスが違うか、名前が変わったのかもしれません。ここにあるもの：",
    gone_why: "このセクションは終了しました。フィードはもう更新されないので、リーダーから削除してかまいません。",
    read_on: "続きはこちら：",
    weekdays: ["月", "火", "水", "木", "金", "土", "日"],
};

const KOREAN: Words = Words {
    lang: "ko",
    speech: Speech::Korean,
    skip: "본문으로 이동",
    site: "사이트",
    digests: "지난 호",
    subscribe: "구독",
    subscribe_how: "주소를 피드 리더에 복사하거나 리더에서 바로 여세요. 새 글이 저절로 도착합니다.",
    copy: "복사",
    copied: "복사됨",
    open: "리더에서 열기",
    all_feeds: "모든 피드를 담은 목록(어느 리더에서나 가져올 수 있습니다):",
    sections: "섹션",
    latest: "최신 호",
    all_digests: "모든 호",
    none_yet: "첫 호가 아직 나오지 않았습니다.",
    languages: "언어",
    appears: "발행",
    expected: "다음 호 예정",
    contents: "이 호의 내용",
    around: "이전 호와 다음 호",
    older: "이전 호",
    newer: "다음 호",
    months: "월별",
    to_item: "이 항목의 링크",
    in_digest: "해당 호에서 보기",
    published_with: "feedmill로 발행",
    not_found: "이 주소에는 아무것도 없습니다",
    not_found_why: "주소가 잘못되었거나 이름이 바뀌었을 수 있습니다. 여기 있는 것:",
    gone_why: "이 섹션은 끝났습니다. 피드는 더 이상 제공되지 않으니 리더에서 지워도 됩니다.",
    read_on: "이어서 읽기:",
    weekdays: ["월", "화", "수", "목", "금", "토", "일"],
};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// The first part of tags whose languages are written from right to left.
const RIGHT_TO_LEFT: [&str; 10] = ["ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"];

/// What languages call themselves; others are shown by their tags.
const OWN_NAMES: [(&str, &str); 32] = [
    ("ar", "العربية"),
    ("bg", "Български"),
    ("ca", "Català"),
    ("cs", "Čeština"),
    ("da", "Dansk"),
    ("de", "Deutsch"),
    ("el", "Ελληνικά"),
    ("en", "English"),
    ("es", "Español"),
    ("fa", "فارسی"),
    ("fi", "Suomi"),
    ("fr", "Français"),
    ("he", "עברית"),
    ("hi", "हिन्दी"),
    ("hu", "Magyar"),
    ("id", "Indonesia"),
    ("it", "Italiano"),
    ("ja", "日本語"),
    ("ko", "한국어"),
    ("nl", "Nederlands"),
    ("no", "Norsk"),
    ("pl", "Polski"),
    ("pt", "Português"),
    ("ro", "Română"),
    ("ru", "Русский"),
    ("sv", "Svenska"),
    ("th", "ไทย"),
    ("tr", "Türkçe"),
    ("uk", "Українська"),
    ("ur", "اردو"),
    ("vi", "Tiếng Việt"),
    ("zh", "中文"),
];

/// The first part of a language tag, in lower case.
fn primary(tag: &str) -> String {
    tag.split('-').next().unwrap_or_default().to_ascii_lowercase()
}

/// Whether a Chinese tag means the traditional characters.
fn is_traditional(tag: &str) -> bool {
    let mut parts = tag.split('-').skip(1).map(str::to_ascii_lowercase);
    // The script goes before the place.
    match parts.next().as_deref() {
        Some("hans") => false,
        Some("hant" | "tw" | "hk" | "mo") => true,
        _ => false,
    }
}

/// Whether a language is written from right to left.
pub(super) fn runs_right_to_left(tag: &str) -> bool {
    RIGHT_TO_LEFT.contains(&primary(tag).as_str())
}

/// What a language calls itself.
pub(super) fn own_name(tag: &str) -> &str {
    match primary(tag).as_str() {
        "zh" if is_traditional(tag) => "繁體中文",
        first => OWN_NAMES.iter().find(|(known, _)| *known == first).map_or(tag, |(_, name)| name),
    }
}

impl Words {
    /// For a page in a language, a BCP 47 tag.
    pub(super) fn of(tag: &str) -> &'static Words {
        match primary(tag).as_str() {
            "en" => &ENGLISH,
            "zh" if is_traditional(tag) => &TRADITIONAL,
            "zh" => &CHINESE,
            "ja" => &JAPANESE,
            "ko" => &KOREAN,
            _ => &FOREIGN,
        }
    }

    /// Whether a page in this language has to say that its words are in another.
    pub(super) fn is_foreign(&self) -> bool {
        self.speech == Speech::Numbers
    }

    /// A date in full.
    pub(super) fn date(&self, date: NaiveDate) -> String {
        let (year, month, day) = (date.year(), date.month(), date.day());
        match self.speech {
            Speech::English => format!("{day} {} {year}", MONTHS[date.month0() as usize]),
            Speech::Chinese | Speech::Traditional | Speech::Japanese => format!("{year}年{month}月{day}日"),
            Speech::Korean => format!("{year}년 {month}월 {day}일"),
            Speech::Numbers => date.to_string(),
        }
    }

    /// A date with its day of the week.
    pub(super) fn day(&self, date: NaiveDate) -> String {
        let (weekday, date_alone) = (date.weekday().num_days_from_monday() as usize, self.date(date));
        match self.speech {
            Speech::English => format!("{}, {date_alone}", DAYS[weekday]),
            Speech::Chinese | Speech::Traditional => format!("{date_alone} 星期{}", self.weekdays[weekday]),
            Speech::Japanese => format!("{date_alone}（{}）", self.weekdays[weekday]),
            Speech::Korean => format!("{date_alone} ({})", self.weekdays[weekday]),
            Speech::Numbers => date_alone,
        }
    }

    /// A month, named by any day of it.
    pub(super) fn month(&self, date: NaiveDate) -> String {
        let (year, month) = (date.year(), date.month());
        match self.speech {
            Speech::English => format!("{} {year}", MONTHS[date.month0() as usize]),
            Speech::Chinese | Speech::Traditional | Speech::Japanese => format!("{year}年{month}月"),
            Speech::Korean => format!("{year}년 {month}월"),
            Speech::Numbers => date.format("%Y-%m").to_string(),
        }
    }

    /// A number of items.
    pub(super) fn items(&self, number: usize) -> String {
        match self.speech {
            Speech::English | Speech::Numbers if number == 1 => "1 item".to_owned(),
            Speech::English | Speech::Numbers => format!("{number} items"),
            Speech::Chinese => format!("{number} 条"),
            Speech::Traditional => format!("{number} 則"),
            Speech::Japanese => format!("{number} 件"),
            Speech::Korean => format!("{number}건"),
        }
    }

    /// About how many items come at a time.
    pub(super) fn items_each_time(&self, number: usize) -> String {
        let items = self.items(number);
        match self.speech {
            Speech::English | Speech::Numbers => format!("about {items} each time"),
            Speech::Chinese => format!("每期约 {items}"),
            Speech::Traditional => format!("每期約 {items}"),
            Speech::Japanese => format!("毎号約 {items}"),
            Speech::Korean => format!("매호 약 {items}"),
        }
    }

    /// A number of digests, and since when there are any.
    pub(super) fn digests_since(&self, number: usize, first: NaiveDate) -> String {
        let month = self.month(first);
        match self.speech {
            Speech::English | Speech::Numbers => format!("{number} since {month}"),
            Speech::Chinese => format!("{month}以来共 {number} 期"),
            Speech::Traditional => format!("{month}以來共 {number} 期"),
            Speech::Japanese => format!("{month}から {number} 号"),
            Speech::Korean => format!("{month}부터 {number}호"),
        }
    }

    /// How often something comes.
    pub(super) fn rhythm(&self, rhythm: Rhythm) -> String {
        let fixed = |words: [&str; 6]| words[self.speech as usize].to_owned();
        match rhythm {
            Rhythm::Daily => fixed(["every day", "每天", "每天", "毎日", "매일", "every day"]),
            Rhythm::Weekdays => {
                fixed(["Monday to Friday", "周一至周五", "週一至週五", "月曜から金曜", "월~금", "Monday to Friday"])
            }
            Rhythm::Weekly(weekday) => self.weekly(weekday),
            Rhythm::Monthly => fixed(["every month", "每月", "每月", "毎月", "매월", "every month"]),
            Rhythm::Every(days) => match self.speech {
                Speech::English | Speech::Numbers if days == 14 => "every two weeks".to_owned(),
                Speech::English | Speech::Numbers => format!("every {days} days"),
                Speech::Chinese | Speech::Traditional => format!("每 {days} 天"),
                Speech::Japanese => format!("{days} 日ごと"),
                Speech::Korean => format!("{days}일마다"),
            },
        }
    }

    fn weekly(&self, weekday: Weekday) -> String {
        let at = weekday.num_days_from_monday() as usize;
        match self.speech {
            Speech::English | Speech::Numbers => format!("every {}", DAYS[at]),
            Speech::Chinese => format!("每周{}", self.weekdays[at]),
            Speech::Traditional => format!("每週{}", self.weekdays[at]),
            Speech::Japanese => format!("毎週{}曜日", self.weekdays[at]),
            Speech::Korean => format!("매주 {}요일", self.weekdays[at]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_each_language_writes_them() {
        let date = NaiveDate::from_ymd_opt(2026, 3, 9).unwrap();
        for (tag, day, month) in [
            ("en-GB", "Monday, 9 March 2026", "March 2026"),
            ("zh-CN", "2026年3月9日 星期一", "2026年3月"),
            ("zh-TW", "2026年3月9日 星期一", "2026年3月"),
            ("ja", "2026年3月9日（月）", "2026年3月"),
            ("ko-KR", "2026년 3월 9일 (월)", "2026년 3월"),
            ("de", "2026-03-09", "2026-03"),
        ] {
            let words = Words::of(tag);
            assert_eq!((words.day(date).as_str(), words.month(date).as_str()), (day, month), "{tag}");
        }
    }

    #[test]
    fn a_page_in_another_language_has_english_words_and_knows_it() {
        assert!(Words::of("ar").is_foreign() && Words::of("ar").lang == "en");
        assert!(!Words::of("EN-us").is_foreign());
        assert_eq!(Words::of("zh-Hans-HK").subscribe, "订阅");
        assert_eq!(Words::of("zh-HK").subscribe, "訂閱");
        assert_eq!(Words::of("de").rhythm(Rhythm::Every(14)), "every two weeks");
    }

    #[test]
    fn languages_have_their_own_names_and_directions() {
        assert_eq!(["zh-CN", "zh-Hant", "pt-BR", "tlh"].map(own_name), ["中文", "繁體中文", "Português", "tlh"]);
        assert!(runs_right_to_left("ar-EG") && !runs_right_to_left("en"));
    }
}
