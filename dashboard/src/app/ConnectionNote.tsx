// How the connection stands: silent as long as all is well, and told when it was lost and when it came back.
import { useEffect, useState } from 'react';
import { useConnection } from '@/data/connection';
import { useFormats } from '@/i18n/format';
import { texts, useTexts } from '@/i18n/language';
import { useNow } from '@/ui/time';
import styles from './ConnectionNote.module.css';

const TEXTS = texts({
  en: {
    live: 'Live',
    connecting: 'Connecting…',
    lost: (time: string) => `Connection lost ${time} ago. What you see may be old; trying again…`,
    back: (time: string) => `Connected again after ${time}. Nothing was missed.`,
  },
  ja: {
    live: 'ライブ',
    connecting: '接続中…',
    lost: (time: string) => `${time}前に接続が切れました。表示は古い可能性があります。再接続中…`,
    back: (time: string) => `${time}後に再接続しました。取りこぼしはありません。`,
  },
});

const SHOWN = 8_000; // milliseconds for which one is told that it is back
const PATIENCE = 1_000; // milliseconds of being away that are not worth a word

export function ConnectionNote() {
  const t = useTexts(TEXTS);
  const formats = useFormats();
  const state = useConnection();
  const now = useNow();
  const [told, setTold] = useState<number | null>(null);
  useEffect(() => {
    if (state.status !== 'live' || state.away === null) return setTold(null);
    setTold(state.away);
    const timer = setTimeout(() => setTold(null), SHOWN);
    return () => clearTimeout(timer);
  }, [state]);

  const away = state.status === 'lost' ? now - state.since : 0;
  return (
    <span
      className={styles.note}
      role="status"
      data-status={away > PATIENCE ? 'lost' : state.status}
      data-long={away > PATIENCE || told !== null}
    >
      {state.status === 'lost' && away > PATIENCE && t.lost(formats.duration(away - (away % 1_000)))}
      {state.status === 'connecting' && t.connecting}
      {state.status === 'live' && (told === null ? t.live : t.back(formats.duration(told)))}
    </span>
  );
}
