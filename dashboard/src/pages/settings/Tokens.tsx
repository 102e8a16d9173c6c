// Tokens and logins of one's own: which there are, a new one, and the end of one.
import { type FormEvent, useState } from 'react';
import { change, useAnswer } from '@/data/client';
import { useDoing } from '@/data/doing';
import { session } from '@/data/session';
import { useTexts } from '@/i18n/language';
import { NAME } from '@/ui/named';
import page from '@/ui/page.module.css';
import { Failed, Loading } from '@/ui/states';
import { Moment } from '@/ui/time';
import { TEXTS } from './messages';
import styles from './SettingsPage.module.css';
import { CreateTokenDocument, RevokeTokenDocument, SettingsTokensDocument } from './settings.generated';

const DAY = 86_400_000;
const LIVES = [7, 30, 90, 365]; // days

export function Tokens({ user }: { user: number }) {
  const t = useTexts(TEXTS);
  const [now] = useState(() => new Date().toISOString());
  const { data, trouble, again } = useAnswer(SettingsTokensDocument, { user, now });
  const doing = useDoing();
  const revoke = async (tokenId: string) => {
    await doing.run(() => change(RevokeTokenDocument, { input: { tokenId } }));
    again();
  };
  return (
    <section aria-labelledby="tokens-title">
      <h2 id="tokens-title">{t.tokens}</h2>
      <p className="quiet">{t.tokensHint}</p>
      {trouble ? (
        <Failed trouble={trouble} again={again} />
      ) : data === undefined ? (
        <Loading />
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard
        <section className={page.table} tabIndex={0} aria-label={t.tokenList}>
          <table>
            <thead>
              <tr>
                {[t.kind, t.name, t.until, t.used, t.from, t.actions].map((title) => (
                  <th key={title} scope="col">
                    {title}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {data.authTokens.nodes.map((token) => {
                const kind = token.name === null ? t.login : t.token;
                return (
                  <tr key={token.tokenId}>
                    <td>{kind}</td>
                    <td>{token.name}</td>
                    <td>
                      <Moment at={token.expiresAt} />
                    </td>
                    <td>{token.lastUsed ? <Moment at={token.lastUsed} /> : t.never}</td>
                    <td className={styles.long}>
                      {[token.ipAddress, token.userAgent].filter(Boolean).join(' · ')}
                    </td>
                    <td>
                      <button
                        type="button"
                        disabled={doing.busy}
                        aria-label={t.revokeIt(token.name ?? kind)}
                        onClick={() => void revoke(token.tokenId)}
                      >
                        {t.revoke}
                      </button>
                    </td>
                  </tr>
                );
              })}
            </tbody>
          </table>
          {data.authTokens.totalCount > data.authTokens.nodes.length && (
            <p className="quiet">{t.moreTokens(data.authTokens.nodes.length, data.authTokens.totalCount)}</p>
          )}
        </section>
      )}
      {doing.trouble && <Failed trouble={doing.trouble} />}
      <p className={page.head}>
        <button
          type="button"
          disabled={doing.busy}
          onClick={() => void doing.run(() => session.logOut(true))}
        >
          {t.everywhere}
        </button>
        <span className="quiet">{t.everywhereHint}</span>
      </p>
      <NewToken made={again} />
    </section>
  );
}

function NewToken({ made }: { made: () => void }) {
  const t = useTexts(TEXTS);
  const doing = useDoing();
  const [token, setToken] = useState<string>();
  const [copied, setCopied] = useState(false);
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const given = new FormData(form);
    const input = {
      name: String(given.get('name')),
      expiresAt: new Date(Date.now() + Number(given.get('days')) * DAY).toISOString(),
      password: String(given.get('password')),
    };
    setToken(undefined);
    setCopied(false);
    const done = await doing.run(async () => {
      setToken((await change(CreateTokenDocument, { input })).createAccessToken.accessToken);
    });
    made(); // also where it was not done as far as one knows: a token whose answer was lost is in the list
    if (done) form.reset();
  };
  return (
    <>
      <form className={page.form} onSubmit={(event) => void submit(event)} aria-label={t.create}>
        <label>
          {t.name}
          <input name="name" required pattern={NAME} maxLength={100} autoComplete="off" />
        </label>
        <label>
          {t.validFor}
          <select name="days" defaultValue={90}>
            {LIVES.map((days) => (
              <option key={days} value={days}>
                {t.days(days)}
              </option>
            ))}
          </select>
        </label>
        <label>
          {t.password}
          <input name="password" type="password" required autoComplete="current-password" />
        </label>
        <button type="submit" disabled={doing.busy}>
          {t.create}
        </button>
      </form>
      {doing.trouble && <Failed trouble={doing.trouble} />}
      {token && (
        <div className={page.notice} role="status">
          <strong>{t.made}</strong>
          <input
            className={styles.token}
            readOnly
            aria-label={t.newToken}
            value={token}
            onFocus={(event) => event.target.select()}
          />
          <button
            type="button"
            onClick={() => void navigator.clipboard?.writeText(token).then(() => setCopied(true))}
          >
            {copied ? t.copied : t.copy}
          </button>
        </div>
      )}
    </>
  );
}
