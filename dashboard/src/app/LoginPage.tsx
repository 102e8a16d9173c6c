// Username and password. The demo prints an address that has both, so that one press of the button is enough.
import { type FormEvent, useEffect, useRef, useState } from 'react';
import { session } from '@/data/session';
import { type Trouble, troubleOfThrown } from '@/data/trouble';
import { texts, useTexts } from '@/i18n/language';
import { Failed } from '@/ui/states';
import styles from './LoginPage.module.css';
import { Tastes } from './Tastes';

const TEXTS = texts({
  en: {
    title: 'Log in to ccgraph',
    username: 'Username',
    password: 'Password',
    logIn: 'Log in',
    unreached: 'It could not be reached. See whether you are online, and log in again.',
    ended: 'Your login has ended. Log in again to go on where you were.',
  },
  ja: {
    title: 'ccgraph にログイン',
    username: 'ユーザー名',
    password: 'パスワード',
    logIn: 'ログイン',
    unreached: '接続できません。ネットワークを確認して、もう一度ログインしてください。',
    ended: 'ログインの有効期限が切れました。再度ログインすると続きから再開できます。',
  },
});

// What stands behind # is never sent to the server, and does not stay in the address.
function takeFromAddress(): { username: string; password: string } {
  const given = new URLSearchParams(location.hash.slice(1));
  const found = { username: given.get('username') ?? '', password: given.get('password') ?? '' };
  if (found.password !== '') history.replaceState(history.state, '', location.pathname + location.search);
  return found;
}

const given = takeFromAddress();

export function LoginPage({ ended }: { ended: boolean }) {
  const t = useTexts(TEXTS);
  const [trouble, setTrouble] = useState<Trouble>();
  const [busy, setBusy] = useState(false);
  const first = useRef<HTMLInputElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => (given.password === '' ? first : button).current?.focus(), []);

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setBusy(true);
    try {
      await session.logIn(String(form.get('username')), String(form.get('password')));
    } catch (error) {
      const wrong = troubleOfThrown(error);
      setTrouble(
        wrong.kind === 'loggedOut'
          ? { ...wrong, kind: 'input' }
          : wrong.kind === 'offline'
            ? { ...wrong, kind: 'server', message: wrong.message ?? t.unreached }
            : wrong,
      );
      setBusy(false);
    }
  };

  return (
    <main className={styles.page}>
      <form className={styles.form} onSubmit={submit}>
        <h1>{t.title}</h1>
        {ended && <p role="status">{t.ended}</p>}
        <label>
          {t.username}
          <input ref={first} name="username" autoComplete="username" defaultValue={given.username} required />
        </label>
        <label>
          {t.password}
          <input
            name="password"
            type="password"
            autoComplete="current-password"
            defaultValue={given.password}
            required
          />
        </label>
        <button ref={button} type="submit" data-kind="primary" disabled={busy}>
          {t.logIn}
        </button>
        {trouble && <Failed trouble={trouble} />}
      </form>
      <Tastes />
    </main>
  );
}
