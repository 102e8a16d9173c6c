// All keys that work at the moment.
import { useEffect, useRef } from 'react';
import { useStore } from '@/data/store';
import { texts, useTexts } from '@/i18n/language';
import styles from './KeyList.module.css';
import { shortcuts } from './shortcuts';

const TEXTS = texts({ en: { title: 'Keys', close: 'Close' }, ja: { title: 'キー操作', close: '閉じる' } });

export function KeyList({ close }: { close: () => void }) {
  const t = useTexts(TEXTS);
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} className={styles.list} onClose={close} aria-labelledby="keys-title">
      <h2 id="keys-title">{t.title}</h2>
      <dl>
        {useStore(shortcuts)
          .flat()
          .map(({ keys, label }) => (
            <div key={`${keys} ${label}`}>
              <dt>
                {keys.split(' ').map((key) => (
                  <kbd key={key}>{key}</kbd>
                ))}
              </dt>
              <dd>{label}</dd>
            </div>
          ))}
      </dl>
      <p>
        <button type="button" onClick={() => dialog.current?.close()}>
          {t.close}
        </button>
      </p>
    </dialog>
  );
}
