// What surrounds every page: navigation, how the connection stands, who is logged in, the list of keys.
import { Link, useRouter, useRouterState } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { type Login, session } from '@/data/session';
import { troubleOfThrown } from '@/data/trouble';
import { texts, useLanguage, useTexts } from '@/i18n/language';
import { useNarrow } from '@/ui/width';
import { Attention, NotifyChoice } from './Attention';
import { ConnectionNote } from './ConnectionNote';
import { KeyList } from './KeyList';
import { Menu } from './Menu';
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
  const path = useRouterState({ select: ({ location }) => location.pathname });
  const open = shown.find(({ to }) => path === to || (to !== '/' && path.startsWith(`${to}/`)));
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
        <Navigation shown={shown} open={open} />
        <ConnectionNote />
        <button type="button" className={styles.keys} onClick={() => showKeys(true)}>
          {t.keys} <kbd>?</kbd>
        </button>
        <Account username={login.user.username} />
      </header>
      <main id="page" className={styles.page} tabIndex={-1}>
        {children}
      </main>
      <Attention page={open && open.to !== '/' ? open.label[language] : ''} />
      {keysShown && <KeyList close={() => showKeys(false)} />}
    </div>
  );
}

/** The pages in a row; on a phone behind a button that says which one is open. */
function Navigation({
  shown,
  open,
}: {
  shown: readonly NavigationEntry[];
  open: NavigationEntry | undefined;
}) {
  const t = useTexts(TEXTS);
  const language = useLanguage();
  const narrow = useNarrow();
  const pages = (
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
  );
  if (!narrow) {
    return (
      <>
        <strong className={styles.name}>ccgraph</strong>
        <nav aria-label={t.pages}>{pages}</nav>
      </>
    );
  }
  const name = open?.label[language] ?? 'ccgraph';
  return (
    <nav aria-label={t.pages}>
      <Menu label={`${t.pages}: ${name}`} side="left" shown={<strong>{name}</strong>}>
        {pages}
      </Menu>
    </nav>
  );
}

function Account({ username }: { username: string }) {
  const t = useTexts(TEXTS);
  const [failed, setFailed] = useState(false);
  const leave = (everywhere: boolean) =>
    session.logOut(everywhere).catch((error) => setFailed(troubleOfThrown(error).kind === 'unheard'));
  return (
    <div className={styles.account}>
      <Menu label={`${t.account}: ${username}`} side="right" shown={username}>
        <Tastes />
        <NotifyChoice />
        <button type="button" onClick={() => leave(false)}>
          {t.logOut}
        </button>
        <button type="button" onClick={() => leave(true)}>
          {t.everywhere}
        </button>
        {failed && <p role="alert">{t.failed}</p>}
      </Menu>
    </div>
  );
}
