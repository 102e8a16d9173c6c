// The number that waits, where it is seen from another tab: in the title, in the icon, as a notification.
import { useEffect, useRef } from 'react';
import { useLive } from '@/data/follow';
import { remembered, useStore } from '@/data/store';
import { texts, useTexts } from '@/i18n/language';
import { AttentionDocument } from './attention.generated';
import { iconWith } from './icon';
import { shownName, titleOf } from './title';

const TEXTS = texts({
  en: {
    waits: (count: number) => (count === 1 ? 'A Claude waits for you' : `${count} Claudes wait for you`),
    notify: 'Notify me when one waits',
    blocked: 'The browser does not let this page notify.',
  },
  ja: {
    waits: (count: number) => `${count} 件の Claude があなたを待っています`,
    notify: '待っているものがあれば通知する',
    blocked: 'ブラウザーがこのページの通知を許可していません。',
  },
});

const notifies = remembered('notifications', ['off', 'on'] as const, 'off');

/** `page` is what the page is called that is open, empty for the first one. */
export function Attention({ page }: { page: string }) {
  const t = useTexts(TEXTS);
  const { data } = useLive(AttentionDocument, {});
  const wanted = useStore(notifies) === 'on';
  const name = useStore(shownName);
  const before = useRef<number>(undefined);
  const count = data?.ccInstances.totalCount ?? 0;
  const newest = data?.ccInstances.nodes[0];

  useEffect(() => {
    document.title = titleOf(count, name ?? page);
  }, [count, name, page]);

  useEffect(() => {
    const link = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
    if (link) link.href = count > 0 ? iconWith(count) : '/icon.svg';
  }, [count]);

  useEffect(() => {
    if (data === undefined) return;
    const more = before.current !== undefined && count > before.current;
    before.current = count;
    if (!more || !wanted || !document.hidden || !('Notification' in window)) return;
    if (Notification.permission !== 'granted') return;
    const body = newest ? [newest.name, newest.project?.name].filter(Boolean).join(' · ') : '';
    const told = new Notification(t.waits(count), { body, tag: 'ccgraph-waiting' });
    told.onclick = () => window.focus();
  }, [data, count, newest, wanted, t]);
  return null;
}

/** Whether the browser tells when one waits; it asks the reader first. */
export function NotifyChoice() {
  const t = useTexts(TEXTS);
  const chosen = useStore(notifies) === 'on';
  if (!('Notification' in window)) return null;
  const blocked = Notification.permission === 'denied';
  const choose = async (wanted: boolean) => {
    if (wanted && Notification.permission !== 'granted') await Notification.requestPermission();
    notifies.set(wanted && Notification.permission === 'granted' ? 'on' : 'off');
  };
  return (
    <label>
      <input
        type="checkbox"
        checked={chosen && !blocked}
        disabled={blocked}
        onChange={(event) => void choose(event.target.checked)}
      />{' '}
      {t.notify}
      {blocked && <span className="quiet"> {t.blocked}</span>}
    </label>
  );
}
