// The words for every state of a part of a page: it loads, it is empty, it may not be seen, it failed.
import type { ReactNode } from 'react';
import type { Trouble } from '@/data/trouble';
import { texts, useTexts } from '@/i18n/language';
import styles from './states.module.css';

const TEXTS = texts({
  en: {
    loading: 'Loading…',
    offline: 'The server cannot be reached. The page goes on by itself when it is back.',
    unheard:
      'No answer came from the server, so this may have been done or not. Look first, and then try again.',
    forbidden: 'You may not see this. Ask the owner of the project to add you.',
    notFound: 'This does not exist, or you may not see it.',
    loggedOut: 'Your login has ended.',
    limit: 'A limit is reached.',
    server: 'The server could not answer.',
    again: 'Try again',
    close: 'Close',
    request: (id: string) => `Request ${id}`,
    retryAfter: (seconds: number) => `Try again in ${seconds} s.`,
  },
  ja: {
    loading: '読み込み中…',
    offline: 'サーバーに接続できません。復旧すると自動的に再開します。',
    unheard:
      'サーバーから応答がなく、実行されたかどうか分かりません。画面で結果を確認してから、再度お試しください。',
    forbidden: '表示する権限がありません。プロジェクトの所有者に追加を依頼してください。',
    notFound: '存在しないか、表示する権限がありません。',
    loggedOut: 'ログインの有効期限が切れました。',
    limit: '上限に達しました。',
    server: 'サーバーが応答できませんでした。',
    again: '再試行',
    close: '閉じる',
    request: (id: string) => `リクエスト ${id}`,
    retryAfter: (seconds: number) => `${seconds} 秒後に再試行してください。`,
  },
});

/** A trouble of which the server said nothing. */
export const NOTHING_TOLD = { message: null, requestId: null, field: null, retryAfter: null };

/** What is told where an address leads to a row that is not there, or not for this reader. */
export const NOT_FOUND: Trouble = { ...NOTHING_TOLD, kind: 'notFound' };

/** Something is on its way. It is told to screen readers, and shown once it takes a moment. */
export function Loading() {
  const t = useTexts(TEXTS);
  return (
    <p className={`${styles.state} ${styles.loading}`} role="status">
      {t.loading}
    </p>
  );
}

/** A line that says it all; where it stands for a whole `page`, it is its heading. */
function Said({ page, children }: { page: boolean; children: ReactNode }) {
  return page ? (
    <h1>{children}</h1>
  ) : (
    <p>
      <strong>{children}</strong>
    </p>
  );
}

type EmptyProps = { title: string; page?: boolean; children?: ReactNode };

/** There is nothing; `children` say what to do about it. */
export function Empty({ title, page = false, children }: EmptyProps) {
  return (
    <div className={styles.state}>
      <Said page={page}>{title}</Said>
      {children}
    </div>
  );
}

type FailedProps = {
  trouble: Trouble;
  page?: boolean;
  again?: () => void;
  /** Takes it away, where what it tells of is over. */
  close?: () => void;
  /** What the fields of the input are called, by their names in the API: of several one is told which is meant. */
  fields?: Readonly<Record<string, string>>;
};

/** It failed: why, in the server's words, with the id by which its operator finds the request. */
export function Failed({ trouble, page = false, again, close, fields }: FailedProps) {
  const t = useTexts(TEXTS);
  // An address whose key is none leads to nothing, as one whose row is gone.
  if (page && trouble.kind === 'input') return <Failed page trouble={NOT_FOUND} />;
  const general = { conflict: null, input: null, ...t }[trouble.kind];
  const field = fields?.[trouble.field?.split('.').at(-1) ?? ''];
  return (
    <div className={styles.state} role="alert">
      {general && <Said page={page}>{general}</Said>}
      {trouble.message && trouble.kind !== 'loggedOut' && (
        <p>
          {field && <strong>{field}: </strong>}
          {trouble.message}
        </p>
      )}
      {trouble.retryAfter !== null && <p>{t.retryAfter(trouble.retryAfter)}</p>}
      {trouble.requestId && <p className="quiet">{t.request(trouble.requestId)}</p>}
      {again && (
        <button type="button" onClick={again}>
          {t.again}
        </button>
      )}
      {close && (
        <button type="button" onClick={close}>
          {t.close}
        </button>
      )}
    </div>
  );
}
