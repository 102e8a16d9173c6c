// What surrounds every page: navigation, how the connection stands, who is logged in, the list of keys.
import { Link, useRouter } from '@tanstack/react-router';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { type Login, session } from '@/data/session';
import { troubleOfThrown } from '@/data/trouble';
import { texts, useLanguage, useTexts } from '@/i18n/language';
import { Attention, NotifyChoice } from './Attention';
import { ConnectionNote } from './ConnectionNote';
import { KeyList } from './KeyList';
import type { NavigationEntry } from './root';
import styles from './Shell.module.css';
import { useShortcuts } from './shortcuts';
import { Tastes } from './Tastes';

const TEXTS = texts({
  en: {
    skip: 'Skip to the page',
    pages: 'Pages',
    account: 'Account',
    logOut: 'Log out',
    everywhere: 'Log out everywhere',
    keys: 'Keys',
    failed: 'The server could not be reached: you are still logged in.',
  },
  ja: {
    skip: '本文へ移動',
    pages: 'ページ',
    account: 'アカウント',
    logOut: 'ログアウト',
    everywhere: 'すべての端末からログアウト',
    keys: 'キー操作',
    failed: 'サーバーに接続できません。まだログイン中です。',
  },
});

type Props = { navigation: readonly NavigationEntry[]; login: Login; children: ReactNode };

export function Shell({ navigation, login, children }: Props) {
  const t = useTexts(TEXTS);
  const language = useLanguage();
  const router = useRouter();
  const [keysShown, showKeys] = useState(false);
  const shown = navigation.filter(({ to }) => to !== '/graphql' || login.graphiql);
  useShortcuts([
    { keys: '?', label: t.keys, run: () => showKeys(true) },
    ...shown.map(({ to, keys, label, reload }) => ({
      keys,
      label: label[language],
      run: () => (reload ? location.assign(to) : void router.navigate({ to })),
    })),
  ]);
  return (
    <div className={styles.shell}>
      <a className={styles.skip} href="#page">
        {t.skip}
      </a>
      <header className={styles.header}>
        <strong className={styles.name}>ccgraph</strong>
        <nav aria-label={t.pages}>
          <ul className={styles.pages}>
            {shown.map((entry) => (
              <li key={entry.to}>
                <Link
                  to={entry.to}
                  reloadDocument={entry.reload ?? false}
                  activeOptions={{ exact: entry.to === '/', includeSearch: false }}
                >
                  {entry.label[language]}
                </Link>
              </li>
            ))}
          </ul>
        </nav>
        <ConnectionNote />
        <button type="button" className={styles.keys} onClick={() => showKeys(true)}>
          {t.keys} <kbd>?</kbd>
        </button>
        <Account username={login.user.username} />
      </header>
      <main id="page" className={styles.page} tabIndex={-1}>
        {children}
      </main>
      <Attention />
      {keysShown && <KeyList close={() => showKeys(false)} />}
    </div>
  );
}

function Account({ username }: { username: string }) {
  const t = useTexts(TEXTS);
  const details = useRef<HTMLDetailsElement>(null);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    const close = (event: Event) => {
      const element = details.current;
      if (element && !element.contains(event.target as Node)) element.open = false;
    };
    document.addEventListener('pointerdown', close);
    document.addEventListener('focusin', close);
    return () => {
      document.removeEventListener('pointerdown', close);
      document.removeEventListener('focusin', close);
    };
  }, []);
  const leave = (everywhere: boolean) =>
    session.logOut(everywhere).catch((error) => setFailed(troubleOfThrown(error).kind === 'offline'));
  return (
    <details className={styles.account} ref={details}>
      <summary aria-label={`${t.account}: ${username}`}>{username}</summary>
      <div className={styles.menu}>
        <Tastes />
        <NotifyChoice />
        <button type="button" onClick={() => leave(false)}>
          {t.logOut}
        </button>
        <button type="button" onClick={() => leave(true)}>
          {t.everywhere}
        </button>
        {failed && <p role="alert">{t.failed}</p>}
      </div>
    </details>
  );
}
