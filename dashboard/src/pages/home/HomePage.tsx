// Who needs me? One line for each Claude that runs; those that need a person come first.
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo, useRef, useState } from 'react';
import { useShortcuts } from '@/app/shortcuts';
import { useLive } from '@/data/follow';
import { useTexts } from '@/i18n/language';
import { Empty, Failed, Loading } from '@/ui/states';
import { Since } from '@/ui/time';
import { VirtualList } from '@/ui/VirtualList';
import styles from './HomePage.module.css';
import { HomeDocument } from './home.generated';
import { TEXTS } from './messages';
import { arranged, type Row, rowOf } from './rows';

export function HomePage() {
  const t = useTexts(TEXTS);
  const { data, trouble } = useLive(HomeDocument, {});
  const { q = '' } = useSearch({ from: '/' });
  const navigate = useNavigate({ from: '/' });
  const field = useRef<HTMLInputElement>(null);
  const [current, setCurrent] = useState<string | null>(null);
  const rows = useMemo(() => arranged(data?.ccInstances.nodes.map(rowOf) ?? [], q), [data, q]);
  const index = rows.findIndex((row) => row.id === current);
  const move = (by: number) => {
    const row = rows[Math.min(rows.length - 1, Math.max(0, index + by))];
    if (row) setCurrent(row.id);
  };
  useShortcuts([
    { keys: 'j', label: t.next, run: () => move(1) },
    { keys: 'k', label: t.previous, run: () => move(-1) },
    { keys: '/', label: t.find, run: () => field.current?.focus() },
    { keys: 'Escape', label: t.leave, run: () => field.current?.blur(), whileTyping: true },
  ]);

  if (trouble) return <Failed trouble={trouble} />;
  if (data === undefined) return <Loading />;
  const { totalCount, nodes } = data.ccInstances;
  return (
    <div className={styles.home}>
      <div className={styles.head}>
        <h1>{t.title}</h1>
        <input
          ref={field}
          type="search"
          aria-label={t.search}
          placeholder={t.search}
          value={q}
          onChange={(event) =>
            navigate({ search: event.target.value ? { q: event.target.value } : {}, replace: true })
          }
        />
        {totalCount > nodes.length && <span className="quiet">{t.more(nodes.length, totalCount)}</span>}
      </div>
      {rows.length === 0 ? (
        <Empty title={q === '' ? t.none : t.noMatch}>
          {q === '' && <p className="quiet">{t.noneHint}</p>}
        </Empty>
      ) : (
        <VirtualList items={rows} keyOf={(row) => row.id} label={t.title} height={36} current={index}>
          {(row) => <Line row={row} />}
        </VirtualList>
      )}
    </div>
  );
}

function Line({ row }: { row: Row }) {
  const t = useTexts(TEXTS);
  return (
    <article className={styles.line} data-state={row.state}>
      <span className={styles.state}>{t.state[row.state]}</span>
      <span className={styles.since}>{row.since && <Since at={row.since} />}</span>
      <strong className={styles.name}>{row.name}</strong>
      <span className={styles.project}>{row.project}</span>
      <code className={styles.branch}>{row.branch}</code>
    </article>
  );
}
