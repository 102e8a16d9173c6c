// The settings of the server, for administrators: each with its version, what it was before, and who changed it.
import { type FormEvent, useState } from 'react';
import { change, useAnswer } from '@/data/client';
import { useDoing } from '@/data/doing';
import { useTexts } from '@/i18n/language';
import page from '@/ui/page.module.css';
import { Failed, Loading } from '@/ui/states';
import { Moment } from '@/ui/time';
import { TEXTS } from './messages';
import styles from './SettingsPage.module.css';
import {
  ChangeSystemSettingDocument,
  SystemSettingsDocument,
  type SystemSettingsQuery,
} from './settings.generated';
import { readValue, writtenValue } from './values';

type Setting = SystemSettingsQuery['systemSettings']['nodes'][number];

export function SystemSettings() {
  const t = useTexts(TEXTS);
  const { data, trouble, again } = useAnswer(SystemSettingsDocument, {});
  const groups = Map.groupBy(data?.systemSettings.nodes ?? [], ({ category }) => category ?? '');
  return (
    <section aria-labelledby="system-title">
      <h2 id="system-title">{t.system}</h2>
      <p className="quiet">{t.systemHint}</p>
      {trouble ? (
        <Failed trouble={trouble} again={again} />
      ) : data === undefined ? (
        <Loading />
      ) : (
        [...groups].map(([category, settings]) => (
          <details key={category}>
            <summary>
              <strong>{category === '' ? t.other : category}</strong>{' '}
              <span className="quiet">{settings.length}</span>
            </summary>
            <ul className={page.lines}>
              {settings.map((setting) => (
                <Line key={setting.settingKey} setting={setting} again={again} />
              ))}
            </ul>
          </details>
        ))
      )}
    </section>
  );
}

function Line({ setting, again }: { setting: Setting; again: () => void }) {
  const t = useTexts(TEXTS);
  const [open, setOpen] = useState(false);
  const { settingKey, settingValue, description, isReadonly, version, previousValue, updatedBy } = setting;
  return (
    <li>
      <span className={page.what}>
        <code>{settingKey}</code> <span className="quiet">{description}</span>
      </span>
      <code className={styles.value}>{writtenValue(settingValue)}</code>
      <span className="quiet">
        {t.version(version ?? 1)}
        {previousValue !== null && ` · ${t.previous(writtenValue(previousValue))}`}
        {updatedBy && (
          <>
            {` · ${updatedBy.username} · `}
            <Moment at={setting.updatedAt} />
          </>
        )}
      </span>
      {isReadonly ? (
        <span className="quiet">{t.readonly}</span>
      ) : (
        <button
          type="button"
          aria-label={t.changeIt(settingKey)}
          aria-expanded={open}
          onClick={() => setOpen(!open)}
        >
          {t.change}
        </button>
      )}
      {open && !isReadonly && (
        <Editor
          key={version}
          setting={setting}
          again={again}
          done={() => {
            setOpen(false);
            again();
          }}
        />
      )}
    </li>
  );
}

function Editor({ setting, again, done }: { setting: Setting; again: () => void; done: () => void }) {
  const t = useTexts(TEXTS);
  const doing = useDoing();
  const [wrong, setWrong] = useState(false);
  const { settingKey, settingValue, dataType, version } = setting;
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const read = readValue(dataType, String(new FormData(event.currentTarget).get('value') ?? ''));
    setWrong(read === undefined);
    if (read === undefined) return;
    const input = { settingKey, settingValue: read.value, version: version ?? 1 };
    if (await doing.run(() => change(ChangeSystemSettingDocument, { input }))) done();
  };
  const label = t.valueOf(settingKey);
  const shown = writtenValue(settingValue);
  return (
    <form className={page.form} aria-label={t.changeIt(settingKey)} onSubmit={(event) => void submit(event)}>
      {dataType === 'BOOLEAN' ? (
        <select name="value" aria-label={label} defaultValue={shown}>
          <option>true</option>
          <option>false</option>
        </select>
      ) : dataType === 'JSON' || dataType === 'ARRAY' ? (
        <textarea
          className={styles.editor}
          name="value"
          aria-label={label}
          defaultValue={shown}
          rows={6}
          spellCheck={false}
        />
      ) : (
        <input
          name="value"
          type={dataType === 'NUMBER' ? 'number' : 'text'}
          step="any"
          aria-label={label}
          defaultValue={shown}
          autoComplete="off"
        />
      )}
      <button type="submit" disabled={doing.busy}>
        {t.save}
      </button>
      {wrong && <p role="alert">{t.noJson}</p>}
      {doing.trouble?.kind === 'conflict' && (
        <p className={page.notice}>
          <strong>{t.settingConflict}</strong>
          <button type="button" onClick={again}>
            {t.again}
          </button>
        </p>
      )}
      {doing.trouble && <Failed trouble={doing.trouble} />}
    </form>
  );
}
