import { texts } from '@/i18n/language';

export const TEXTS = texts({
  en: {
    title: 'Fleet',
    waiting: (count: number) =>
      count === 0 ? 'Nothing waits for you' : count === 1 ? '1 waits for you' : `${count} wait for you`,
    running: (count: number) => `${count} running`,
    search: 'Search all sessions',
    searchHint: 'Name, project, branch, person, model, message or prompt; also of those that have ended',
    seeking: 'Searching…',
    found: (shown: number, all: number) =>
      all > shown ? `${shown} of ${all} that fit: add a word` : shown === 1 ? '1 fits' : `${shown} fit`,
    asked: (prompt: string) => `Prompt: ${prompt}`,
    none: 'No Claude is running.',
    noneHint: (command: string) =>
      `They appear here as soon as one starts. On the machine of a Claude Code, \`${command}\` makes it tell of itself.`,
    noMatch: 'None fits the search.',
    noMatchHint:
      'Name, project, branch, person, model, message and prompt were searched, also of those that have ended.',
    more: (shown: number, all: number) => `The newest ${shown} of ${all}.`,
    next: 'Next line',
    previous: 'Line before',
    open: 'Open',
    find: 'Search',
    leave: 'Leave the search',
    allow: 'Allow',
    deny: 'Deny',
    allowIt: (what: string) => `Allow ${what}`,
    denyIt: (what: string) => `Deny ${what}`,
    context: 'Context used',
    today: 'Cost today',
    ago: (time: string) => `for ${time}`,
  },
  ja: {
    title: 'フリート',
    waiting: (count: number) =>
      count === 0 ? '待っているものはありません' : `${count} 件があなたを待っています`,
    running: (count: number) => `稼働中 ${count} 件`,
    search: 'すべてのセッションを検索',
    searchHint: '名前・プロジェクト・ブランチ・担当者・モデル・メッセージ・プロンプト（終了したものも対象）',
    seeking: '検索中…',
    found: (shown: number, all: number) =>
      all > shown ? `一致 ${all} 件のうち ${shown} 件。語を足して絞り込めます` : `一致 ${shown} 件`,
    asked: (prompt: string) => `プロンプト: ${prompt}`,
    none: '稼働中の Claude はありません。',
    noneHint: (command: string) =>
      `起動するとすぐここに表示されます。Claude Code のマシンで \`${command}\` を実行すると、ここに届くようになります。`,
    noMatch: '検索に一致するものはありません。',
    noMatchHint:
      '名前・プロジェクト・ブランチ・担当者・モデル・メッセージ・プロンプトを、終了したものも含めて検索しました。',
    more: (shown: number, all: number) => `${all} 件のうち新しい ${shown} 件を表示しています。`,
    next: '次の行',
    previous: '前の行',
    open: '開く',
    find: '検索',
    leave: '検索を終える',
    allow: '許可',
    deny: '拒否',
    allowIt: (what: string) => `許可: ${what}`,
    denyIt: (what: string) => `拒否: ${what}`,
    context: 'コンテキスト使用率',
    today: '今日の費用',
    ago: (time: string) => `${time}前から`,
  },
});
