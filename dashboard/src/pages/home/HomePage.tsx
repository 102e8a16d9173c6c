// Who needs me? One line for each Claude that runs; those that need a person come first.
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { type KeyboardEvent, type RefObject, useEffect, useMemo, useRef, useState } from 'react';
import { useShortcuts } from '@/app/shortcuts';
import { useLive } from '@/data/follow';
import { type Answering, useAnswering } from '@/data/permissions';
import { useUser } from '@/data/session';
import { useFormats } from '@/i18n/format';
import { useTexts } from '@/i18n/language';
import { useConnectCommand } from '@/ui/connecting';
import { needsPerson, StateWord } from '@/ui/State';
import { Empty, Failed, Loading } from '@/ui/states';
import { useSteady, useUnchanged } from '@/ui/steady';
import { Since, useNow, useToday } from '@/ui/time';
import { VirtualList } from '@/ui/VirtualList';
import { useFound } from './found';
import styles from './HomePage.module.css';
import { HomeDocument } from './home.generated';
import { TEXTS } from './messages';
import { arranged, fitting, type Row, rowOf, variablesOf } from './rows';

export function HomePage() {
  const t = useTexts(TEXTS);
  const today = useToday();
  const { data: newest, trouble } = useLive(HomeDocument, variablesOf(today));
  // A day that begins is asked for anew; until it is answered, the day before is shown.
  const shown = useRef(newest);
  shown.current = newest ?? shown.current;
  const data = shown.current;
  const navigate = useNavigate({ from: '/' });
  const command = useConnectCommand();
  const answering = useAnswering();
  const field = useRef<HTMLInputElement>(null);
  const [words, setWords] = useWords(field);
  const [current, setCurrent] = useState<string | null>(null);

  const all = useMemo(
    () =>
      data ? arranged([...data.waiting.nodes, ...data.ccInstances.nodes].map((node) => rowOf(node))) : [],
    [data],
  );
  const found = useFound(words, today);
  const rows = useMemo(() => {
    if (words.trim() === '') return all;
    // What the page lists is newer than what was found.
    const listed = new Map(all.map((row) => [row.id, row]));
    const known = found.rows.map((row) => ({ ...(listed.get(row.id) ?? row), prompt: row.prompt }));
    return arranged([...fitting(all, words), ...known]);
  }, [all, found.rows, words]);
  const requests = useMemo(() => new Map(rows.map(({ id, requestId }) => [id, requestId])), [rows]);
  const isUnchanged = useUnchanged(requests);
  const index = rows.findIndex((row) => row.id === current);
  const row = rows[index];
  const move = (by: number) =>
    setCurrent(rows[Math.min(rows.length - 1, Math.max(0, index + by))]?.id ?? null);
  const open = (opened: Row) => void navigate({ to: '/instances/$id', params: { id: opened.id } });
  // From the field the first line is opened, or the list is entered.
  const leaveField = (event: KeyboardEvent) => {
    const first = rows[0];
    if (event.nativeEvent.isComposing || first === undefined) return;
    if (event.key === 'Enter') open(first);
    else if (event.key === 'ArrowDown') {
      field.current?.blur();
      setCurrent(first.id);
    } else return;
    event.preventDefault();
  };
  const decide = (decision: 'ALLOW' | 'DENY') => {
    const asked = row?.requestId;
    if (asked && isUnchanged(row.id) && !answering.answered.has(asked)) answering.answer(asked, decision);
  };
  useShortcuts([
    { keys: 'j', label: t.next, run: () => move(1) },
    { keys: 'k', label: t.previous, run: () => move(-1) },
    {
      keys: 'Enter',
      label: t.open,
      run: () => row && open(row),
    },
    { keys: 'a', label: t.allow, run: () => decide('ALLOW') },
    { keys: 'd', label: t.deny, run: () => decide('DENY') },
    { keys: '/', label: t.find, run: () => field.current?.focus() },
    { keys: 'Escape', label: t.leave, run: () => field.current?.blur(), whileTyping: true },
  ]);

  if (trouble) return <Failed page trouble={trouble} />;
  if (data === undefined) return <Loading />;
  const { totalCount, nodes } = data.ccInstances;
  const sought = words.trim() !== '';
  const waiting = all.filter(needsPerson).length;
  return (
    <div className={styles.home}>
      <div className={styles.head}>
        <h1>{t.title}</h1>
        <p className={styles.count} data-waiting={waiting > 0} role="status">
          {t.waiting(waiting)}
        </p>
        <span className="quiet">{t.running(totalCount)}</span>
        <input
          ref={field}
          type="search"
          aria-label={t.search}
          placeholder={t.search}
          title={t.searchHint}
          value={words}
          onChange={(event) => {
            setWords(event.target.value);
            setCurrent(null);
          }}
          onKeyDown={leaveField}
        />
        {sought ? (
          <span className="quiet" role="status">
            {found.asking ? t.seeking : t.found(rows.length, rows.length + found.leftOut)}
          </span>
        ) : (
          totalCount > nodes.length && <span className="quiet">{t.more(nodes.length, totalCount)}</span>
        )}
      </div>
      <div>{found.trouble && <Failed trouble={found.trouble} />}</div>
      <div>{answering.trouble && <Failed trouble={answering.trouble} close={answering.forget} />}</div>
      {rows.length === 0 ? (
        !found.asking && (
          <Empty title={sought ? t.noMatch : t.none}>
            <p className="quiet">{sought ? t.noMatchHint : t.noneHint(command)}</p>
          </Empty>
        )
      ) : (
        <VirtualList items={rows} keyOf={(item) => item.id} label={t.title} height={44} current={index}>
          {(item, place) => (
            <Line
              row={item}
              place={place}
              current={item.id === current}
              answering={answering}
              focused={() => setCurrent(item.id)}
            />
          )}
        </VirtualList>
      )}
    </div>
  );
}

/** The words of the search, as the field has them; the address follows it, and leads it while one is elsewhere. */
function useWords(field: RefObject<HTMLInputElement | null>): [string, (words: string) => void] {
  const { q = '' } = useSearch({ from: '/' });
  const navigate = useNavigate({ from: '/' });
  const [words, setWords] = useState(q);
  useEffect(() => {
    if (document.activeElement !== field.current) setWords(q);
  }, [q, field]);
  const change = (changed: string) => {
    setWords(changed);
    void navigate({ search: changed === '' ? {} : { q: changed }, replace: true });
  };
  return [words, change];
}

type LineProps = {
  row: Row;
  /** Where it stands in the list. */
  place: number;
  current: boolean;
  answering: Answering;
  focused: () => void;
};

function Line({ row, place, current, answering, focused }: LineProps) {
  const t = useTexts(TEXTS);
  const formats = useFormats();
  const user = useUser();
  const said = row.prompt ? t.asked(row.prompt) : row.detail || row.lastMessage;
  const others = row.person !== '' && row.person !== user.username;
  const now = useNow();
  const held = row.heldUntil !== null && Date.parse(row.heldUntil) > now;
  const open =
    held && row.requestId !== null && !answering.answered.has(row.requestId) ? row.requestId : null;
  const steady = useSteady(`${place} ${open}`);
  return (
    <article className={styles.line} data-state={row.state} data-current={current} onFocus={focused}>
      <StateWord state={row.state} />
      <span className={styles.since}>{row.since && <Since at={row.since} />}</span>
      <Link className={styles.name} to="/instances/$id" params={{ id: row.id }}>
        {row.name}
      </Link>
      <span className={styles.said} title={said}>
        {said}
      </span>
      <span
        className={styles.place}
        title={[row.project, row.person, row.branch].filter(Boolean).join(' · ')}
      >
        <span>
          <bdi>{row.project}</bdi>
          {others && (
            <>
              {' · '}
              <bdi>{row.person}</bdi>
            </>
          )}
        </span>
        {row.branch && <code>{row.branch}</code>}
      </span>
      <span className={styles.model} title={row.model ?? undefined}>
        {row.model?.replace(/^claude-/, '')}
      </span>
      <span className={styles.number} title={t.context}>
        {row.contextUsedPercent !== null && formats.percent(row.contextUsedPercent)}
      </span>
      <span className={styles.number} title={t.today}>
        {formats.cost(row.cost)}
      </span>
      <span className={styles.actions}>
        {open && (
          <>
            <button
              type="button"
              aria-label={t.allowIt(row.detail)}
              aria-disabled={!steady}
              onClick={() => steady && answering.answer(open, 'ALLOW')}
            >
              {t.allow}
            </button>
            <button
              type="button"
              aria-label={t.denyIt(row.detail)}
              aria-disabled={!steady}
              onClick={() => steady && answering.answer(open, 'DENY')}
            >
              {t.deny}
            </button>
          </>
        )}
      </span>
    </article>
  );
}
