// Instructions, tool calls and permissions as they came, each folded to a line.
import { useState } from 'react';
import { useLive } from '@/data/follow';
import { useFormats } from '@/i18n/format';
import { useTexts } from '@/i18n/language';
import { Empty, Failed, Loading } from '@/ui/states';
import { Moment } from '@/ui/time';
import { VirtualList } from '@/ui/VirtualList';
import { type Happening, happenings, leftOut } from './events';
import { ConversationDocument } from './instance.generated';
import { TEXTS } from './messages';
import { Older } from './Older';
import styles from './views.module.css';

const PAGES = [100, 500];

export function Conversation({ id }: { id: string }) {
  const t = useTexts(TEXTS);
  const [first, setFirst] = useState(PAGES[0] ?? 100);
  const { data, trouble } = useLive(ConversationDocument, { id, first });
  if (trouble) return <Failed trouble={trouble} />;
  if (!data?.ccInstance) return <Loading />;
  const said = happenings(data.ccInstance).filter(({ kind }) => kind !== 'model');
  if (said.length === 0) return <Empty title={t.nothing} />;
  const more = PAGES.find((size) => size > first);
  return (
    <div className={styles.view}>
      <Older count={leftOut(data.ccInstance)} more={more ? () => setFirst(more) : undefined} />
      <VirtualList items={said} keyOf={(item) => item.id} label={t.tabs.conversation} height={34} followEnd>
        {(item) => <Entry item={item} />}
      </VirtualList>
    </div>
  );
}

export function Entry({ item }: { item: Happening }) {
  const t = useTexts(TEXTS);
  const formats = useFormats();
  const length =
    item.end === null
      ? item.kind === 'permission'
        ? t.waiting
        : t.running
      : formats.duration(Date.parse(item.end) - Date.parse(item.at));
  const ended = item.failed ? (item.kind === 'permission' ? t.denied : t.failed) : '';
  return (
    <details className={styles.entry} data-failed={item.failed}>
      <summary>
        <span className="quiet">
          <Moment at={item.at} only="time" />
        </span>{' '}
        <span className={styles.kind}>{t.kinds[item.kind]}</span> <strong>{item.title}</strong>{' '}
        <span>{item.summary}</span>{' '}
        <span className="quiet">
          {length} {ended}
        </span>
      </summary>
      {item.parts.map(([name, value]) => (
        <Part key={name} name={t.parts[name]} value={value} />
      ))}
    </details>
  );
}

export function Part({ name, value }: { name: string; value: unknown }) {
  return (
    <section className={styles.part} aria-label={name}>
      <h3>{name}</h3>
      <pre>{typeof value === 'string' ? value : JSON.stringify(value, null, 2)}</pre>
    </section>
  );
}
