"""Vocabulary of the demo fleet, in English and Japanese: subjects, places, kinds of project, phrases."""

from typing import Literal, NamedTuple

Language = Literal["en", "ja"]


class Phrase(NamedTuple):
    """The same thing said in both languages; `{name}` stands for a value filled in later."""

    en: str
    ja: str

    def say(self, language: Language, **values: object) -> str:
        """The phrase in one language with its values filled in."""
        return (self.ja if language == "ja" else self.en).format(**values)


class Subject(NamedTuple):
    """The subject of a project, with the two things its program deals in."""

    slug: str
    name: Phrase
    things: tuple[Phrase, Phrase]


class Kind(NamedTuple):
    """A kind of project: its `project_type`, what it is called, and how its files are laid out.

    `{module}` in a path stands for the identifier of a thing.
    """

    project_type: str
    name: Phrase
    tech_stack: tuple[str, ...]
    test_command: str
    paths: tuple[str, ...]


SUBJECTS = (
    Subject(
        "library-search",
        Phrase("Library search", "図書館検索"),
        (Phrase("loan", "貸出"), Phrase("catalogue", "蔵書")),
    ),
    Subject(
        "bus-timetable",
        Phrase("Bus timetable", "バス時刻表"),
        (Phrase("route", "路線"), Phrase("stop", "停留所")),
    ),
    Subject(
        "clinic-booking",
        Phrase("Clinic booking", "診療予約"),
        (Phrase("appointment", "予約"), Phrase("doctor", "医師")),
    ),
    Subject(
        "bike-share",
        Phrase("Bike share", "シェアサイクル"),
        (Phrase("ride", "利用"), Phrase("port", "ポート")),
    ),
    Subject(
        "weather-alerts",
        Phrase("Weather alerts", "気象警報"),
        (Phrase("alert", "警報"), Phrase("station", "観測所")),
    ),
    Subject(
        "school-lunch",
        Phrase("School lunch", "学校給食"),
        (Phrase("menu", "献立"), Phrase("allergen", "アレルゲン")),
    ),
    Subject("fish-market", Phrase("Fish market", "魚市場"), (Phrase("lot", "競り"), Phrase("price", "相場"))),
    Subject(
        "parcel-tracking",
        Phrase("Parcel tracking", "荷物追跡"),
        (Phrase("parcel", "荷物"), Phrase("depot", "集配所")),
    ),
    Subject(
        "river-levels",
        Phrase("River levels", "河川水位"),
        (Phrase("gauge", "水位計"), Phrase("forecast", "予測")),
    ),
    Subject(
        "concert-seats",
        Phrase("Concert seats", "座席予約"),
        (Phrase("seat", "座席"), Phrase("ticket", "入場券")),
    ),
    Subject(
        "power-meters",
        Phrase("Power meters", "電力計測"),
        (Phrase("meter", "計器"), Phrase("tariff", "料金")),
    ),
    Subject(
        "museum-guide",
        Phrase("Museum guide", "博物館案内"),
        (Phrase("exhibit", "展示"), Phrase("tour", "順路")),
    ),
    Subject(
        "harbour-plan",
        Phrase("Harbour plan", "港湾計画"),
        (Phrase("berth", "バース"), Phrase("vessel", "船舶")),
    ),
    Subject(
        "waste-calendar",
        Phrase("Waste calendar", "ごみ収集"),
        (Phrase("pickup", "収集日"), Phrase("district", "地区")),
    ),
    Subject(
        "tax-forms", Phrase("Tax forms", "税務申告"), (Phrase("form", "申告書"), Phrase("receipt", "領収書"))
    ),
    Subject("word-cards", Phrase("Word cards", "単語帳"), (Phrase("deck", "束"), Phrase("card", "カード"))),
)

PLACES = (
    Phrase("Tokyo", "東京都"),
    Phrase("Osaka", "大阪市"),
    Phrase("Kyoto", "京都市"),
    Phrase("Yokohama", "横浜市"),
    Phrase("Sapporo", "札幌市"),
    Phrase("Fukuoka", "福岡市"),
    Phrase("Sendai", "仙台市"),
    Phrase("Nagoya", "名古屋市"),
)

KINDS = (
    Kind(
        "api",
        Phrase("API", "API"),
        ("python", "starlette", "postgresql"),
        "pytest -q",
        ("app/{module}.py", "app/{module}_routes.py", "models/{module}.py", "tests/test_{module}.py",
         "migrations/0001_{module}.sql", "README.md", "pyproject.toml", "docs/設計.md"),
    ),
    Kind(
        "web",
        Phrase("site", "サイト"),
        ("typescript", "react", "vite"),
        "npm test",
        ("src/{module}/index.tsx", "src/{module}/list.tsx", "src/{module}/api.ts", "src/{module}/list.test.tsx",
         "src/locales/ja.json", "public/icons/{module}.png", "package.json", "README.md"),
    ),
    Kind(
        "mobile",
        Phrase("app", "アプリ"),
        ("kotlin", "compose", "sqlite"),
        "./gradlew test",
        ("app/src/main/{module}/Screen.kt", "app/src/main/{module}/Store.kt", "app/src/test/{module}/StoreTest.kt",
         "app/src/main/res/values-ja/strings.xml", "build.gradle.kts", "README.md"),
    ),
    Kind(
        "data",
        Phrase("pipeline", "データ基盤"),
        ("python", "duckdb", "parquet"),
        "pytest -q",
        ("pipeline/load_{module}.py", "pipeline/clean_{module}.py", "queries/{module}_daily.sql",
         "tests/test_clean_{module}.py", "data/{module}_sample.csv", "Makefile", "README.md"),
    ),
    Kind(
        "cli",
        Phrase("tools", "ツール"),
        ("go", "cobra"),
        "go test ./...",
        ("cmd/{module}.go", "internal/{module}/{module}.go", "internal/{module}/{module}_test.go",
         "testdata/{module}.json", "go.mod", "README.md"),
    ),
    Kind(
        "general",
        Phrase("handbook", "手引き"),
        ("markdown", "mkdocs"),
        "mkdocs build --strict",
        ("docs/{module}.md", "docs/{module}-faq.md", "docs/images/{module}.svg", "mkdocs.yml", "README.md"),
    ),
)  # fmt: skip

GIVEN_NAMES = (
    "akane", "aoi", "ayumi", "daichi", "emi", "fumiko", "genki", "hana", "haruka", "hiroshi", "ichiro", "isamu",
    "jun", "kaito", "kana", "kenji", "kiyoshi", "mai", "makoto", "mei", "midori", "minato", "naoki", "nozomi",
    "osamu", "rei", "rin", "ryo", "sachiko", "sakura", "satoshi", "shin", "sora", "takumi", "tomoko", "umeko",
    "wataru", "yuki", "yuna", "yutaka", "alba", "bruno", "clara", "dario", "elif", "femi", "greta", "hugo",
    "ines", "jonas", "kofi", "lena", "mateo", "nadia", "oskar", "priya", "rosa", "sven", "tariq", "vera",
)  # fmt: skip

WAVES = (
    Phrase("Add search to the {first} list", "{first}一覧に検索を追加する"),
    Phrase("Import {second} records from CSV", "{second}データをCSVから取り込む"),
    Phrase("Make the {first} page fast on phones", "{first}画面をスマートフォンで速くする"),
    Phrase("Notify people when a {first} changes", "{first}の変更を利用者に知らせる"),
    Phrase("Move {second} storage to PostgreSQL", "{second}の保存先をPostgreSQLへ移す"),
    Phrase("Let staff correct a {first} afterwards", "職員が{first}を後から訂正できるようにする"),
)
"""Names of parent tasks: one piece of work that an instance splits up for its children."""

STEPS: tuple[tuple[str, Phrase], ...] = (
    ("design", Phrase("Design the {first} screens and their states", "{first}画面と状態遷移を設計する")),
    ("development", Phrase("Write the {first} query and its index", "{first}の検索クエリと索引を書く")),
    (
        "development",
        Phrase("Validate {second} input and name the field", "{second}の入力を検証し項目名を返す"),
    ),
    ("testing", Phrase("Test {first} with 10,000 rows", "{first}を1万件で試験する")),
    ("documentation", Phrase("Describe {second} in the handbook", "{second}の説明を手引きに書く")),
    ("development", Phrase("Show {first} counts per {second}", "{second}ごとの{first}件数を表示する")),
    ("testing", Phrase("Check the settings of {place}", "{place}の設定を確認する")),
)
"""Task types (terminal document 5.2) with the names of child tasks."""

REQUIREMENTS: tuple[tuple[str, Phrase, Phrase], ...] = (
    ("functional", Phrase("Find a {first} by name", "{first}を名称で探せる"),
     Phrase("A person finds a {first} by any part of its name within one second.", "名称の一部から1秒以内に{first}が見つかること。")),
    ("functional", Phrase("Correct a {second}", "{second}を訂正できる"),
     Phrase("Staff can correct a {second}; the old value stays readable.", "職員が{second}を訂正でき、旧値も参照できること。")),
    ("non_functional", Phrase("Works without a network", "通信がなくても使える"),
     Phrase("The last {first} seen stays readable offline.", "最後に見た{first}は通信がなくても読めること。")),
    ("non_functional", Phrase("Answers in 300 ms", "300ミリ秒で応答する"),
     Phrase("Nineteen of twenty requests are answered within 300 ms.", "要求の95%に300ミリ秒以内で応答すること。")),
    ("mcp_specific", Phrase("Agents reach {second} over MCP", "MCPから{second}を扱える"),
     Phrase("An MCP tool lists and reads every {second} that its caller may see.", "呼び出し元が見られる{second}をMCPツールで一覧・参照できること。")),
)  # fmt: skip
"""Types (terminal document 7.1), titles and contents."""

FEATURES: tuple[tuple[str, Phrase], ...] = (
    ("ui", Phrase("{first} list with filters", "{first}一覧の絞り込み")),
    ("api", Phrase("{second} endpoint", "{second}の窓口")),
    ("database", Phrase("History of every {first}", "{first}の変更履歴")),
    ("mcp", Phrase("MCP tools for {second}", "{second}用MCPツール")),
    ("ultrathink", Phrase("Instructions for {first} work", "{first}作業の指示書")),
)
"""Feature types (terminal document 7.2) with names."""

SYSTEM_MESSAGES: dict[str, tuple[tuple[str, str, Phrase], ...]] = {
    "DEBUG": (
        ("database", "pool", Phrase("Connection taken from the pool after {ms} ms", "接続プールから{ms}ミリ秒で取得した")),
        ("session", "scheduler", Phrase("Checked {count} sessions for idleness", "セッション{count}件の待機状態を確認した")),
    ),
    "INFO": (
        ("auth", "login", Phrase("{user} signed in", "{user}がログインした")),
        ("session", "manager", Phrase("Session {name} saved its state", "セッション「{name}」の状態を保存した")),
        ("project", "settings", Phrase("Check the settings of {place}", "{place}の設定を確認する")),
        ("worktree", "sync", Phrase("Synchronised {count} files of {project}", "{project}のファイル{count}件を同期した")),
        ("notification", "delivery", Phrase("Delivered {count} notifications", "通知{count}件を配信した")),
    ),
    "WARN": (
        ("database", "query", Phrase("Slow query: {ms} ms", "遅い検索: {ms}ミリ秒")),
        ("session", "quota", Phrase("{user} uses 80 % of the storage quota", "{user}が容量の80%を使用中")),
    ),
    "ERROR": (
        ("worktree", "sync", Phrase("Could not reach the remote of {project}", "{project}のリモートに接続できない")),
        ("notification", "delivery", Phrase("Webhook answered 503, trying again", "Webhookが503を返したため再送する")),
        ("project", "build", Phrase("Build of {project} failed in {place}", "{place}の{project}のビルドが失敗した")),
    ),
    "CRITICAL": (
        ("database", "storage", Phrase("Disk is {count} % full", "ディスク使用率が{count}%に達した")),
    ),
}  # fmt: skip
"""What system_logs say, by level: category, module, message."""

INSTANCE_MESSAGES: tuple[tuple[str, Phrase], ...] = (
    ("system", Phrase("Heartbeat sent, {count} MB in use", "生存通知を送信、メモリ{count}MBを使用中")),
    ("task", Phrase("Working on {task}", "作業中: {task}")),
    ("mcp", Phrase("Tool call answered in {count} ms", "ツール呼び出しに{count}ミリ秒で応答")),
    ("ultrathink", Phrase("Instruction acknowledged: {task}", "指示を受領: {task}")),
    ("git", Phrase("Committed {count} lines on the task branch", "作業ブランチに{count}行をコミットした")),
)
"""What cc_logs say: category (terminal document 6.1) and message."""

TASK_PHASES: tuple[tuple[str, Phrase], ...] = (
    ("setup", Phrase("Worktree prepared for {task}", "{task}の作業ツリーを準備した")),
    ("execution", Phrase("Edited {count} lines", "{count}行を編集した")),
    ("execution", Phrase("{count} tests pass", "試験{count}件が成功")),
    ("cleanup", Phrase("Temporary files removed", "一時ファイルを削除した")),
)
"""What task_logs say: phase (terminal document 6.2) and message, from the first line to the last."""
