// How much is not shown, and the way to more of it.
import { useFormats } from '@/i18n/format';
import { useTexts } from '@/i18n/language';
import { TEXTS } from './messages';
import styles from './views.module.css';

export function Older({ count, more }: { count: number; more?: (() => void) | undefined }) {
  const t = useTexts(TEXTS);
  const formats = useFormats();
  if (count <= 0) return <span />;
  return (
    <p className={styles.older}>
      <span className="quiet">{t.older(formats.whole(count))}</span>{' '}
      {more && (
        <button type="button" onClick={more}>
          {t.showOlder}
        </button>
      )}
    </p>
  );
}
