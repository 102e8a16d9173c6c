import { texts } from '@/i18n/language';

export const TEXTS = texts({
  en: {
    title: 'Claudes that run',
    search: 'Search name, project, branch',
    none: 'No Claude is running.',
    noneHint: 'They appear here as soon as one starts.',
    noMatch: 'None of them fits the search.',
    more: (shown: number, all: number) => `The newest ${shown} of ${all}.`,
    next: 'Next line',
    previous: 'Line before',
    find: 'Search',
    leave: 'Leave the search',
    state: { failed: 'Failed', running: 'Running', idle: 'Idle' },
  },
  ja: {
    title: '稼働中の Claude',
    search: '名前・プロジェクト・ブランチを検索',
    none: '稼働中の Claude はありません。',
    noneHint: '起動するとすぐここに表示されます。',
    noMatch: '検索に一致するものはありません。',
    more: (shown: number, all: number) => `${all} 件のうち新しい ${shown} 件を表示しています。`,
    next: '次の行',
    previous: '前の行',
    find: '検索',
    leave: '検索を終える',
    state: { failed: '失敗', running: '実行中', idle: '待機中' },
  },
});
