// What happened? Everything that has words, by kind, the newest first.
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { type FormEvent, useEffect, useRef, useState } from 'react';
import { useShortcuts } from '@/app/shortcuts';
import { useAnswer } from '@/data/client';
import { type Trouble, troubleOfThrown } from '@/data/trouble';
import { partOf } from '@/data/wordsSought';
import { useFormats } from '@/i18n/format';
import { useTexts } from '@/i18n/language';
import page from '@/ui/page.module.css';
import { Empty, Failed, Loading } from '@/ui/states';
import { Moment } from '@/ui/time';
import { VirtualList } from '@/ui/VirtualList';
import { type Hit, pageOf } from './hits';
import { TEXTS } from './messages';
import { KINDS, type Kind } from './page';
import styles from './SearchPage.module.css';
import { SearchCountsDocument } from './search.generated';

export function SearchPage() {
  const t = useTexts(TEXTS);
  const formats = useFormats();
  const { q = '', kind = 'logs' } = useSearch({ from: '/search' });
  const navigate = useNavigate({ from: '/search' });
  const field = useRef<HTMLInputElement>(null);
  const counts = useAnswer(SearchCountsDocument, q === '' ? null : { q, part: partOf(q) });
  useEffect(() => {
    if (q === '') field.current?.focus();
  }, [q]);
  useShortcuts([
    { keys: '/', label: t.find, run: () => field.current?.focus() },
    { keys: 'Escape', label: t.leave, run: () => field.current?.blur(), whileTyping: true },
  ]);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const wanted = field.current?.value.trim() ?? '';
    field.current?.blur();
    void navigate({ search: wanted === '' ? { kind } : { q: wanted, kind } });
  };
  return (
    <div className={styles.page}>
      <div className={styles.head}>
        <h1>{t.title}</h1>
        <search>
          <form className={styles.form} onSubmit={submit}>
            <input ref={field} key={q} type="search" aria-label={t.field} defaultValue={q} />
            <button type="submit">{t.go}</button>
          </form>
        </search>
        <nav aria-label={t.kinds}>
          <ul className={`${page.tabs} ${styles.kinds}`}>
            {KINDS.map((name) => (
              <li key={name}>
                <Link
                  to="/search"
                  search={{ ...(q !== '' && { q }), kind: name }}
                  replace
                  aria-current={name === kind ? 'page' : undefined}
                >
                  {t.kind[name]}
                  {counts.data && ` ${formats.whole(counts.data[name].totalCount)}`}
                </Link>
              </li>
            ))}
          </ul>
        </nav>
      </div>
      {q === '' ? (
        <Empty title={t.hint} />
      ) : (
        <Found key={`${kind} ${q}`} kind={kind} q={q} total={counts.data?.[kind].totalCount} />
      )}
    </div>
  );
}

type State = { hits: readonly Hit[]; next: string | null } | undefined;

function Found({ kind, q, total }: { kind: Kind; q: string; total: number | undefined }) {
  const t = useTexts(TEXTS);
  const formats = useFormats();
  const navigate = useNavigate();
  const [state, setState] = useState<State>();
  const [trouble, setTrouble] = useState<Trouble>();
  const [busy, setBusy] = useState(false);
  const [current, setCurrent] = useState(-1);
  const load = async (after: string | null, before: readonly Hit[]) => {
    setBusy(true);
    setTrouble(undefined);
    try {
      const { hits, next } = await pageOf(kind, q, after);
      setState({ hits: [...before, ...hits], next });
    } catch (error) {
      setTrouble(troubleOfThrown(error));
    }
    setBusy(false);
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: another search is another component
  useEffect(() => void load(null, []), []);
  const hits = state?.hits ?? [];
  const move = (by: number) => setCurrent(Math.max(0, Math.min(hits.length - 1, current + by)));
  useShortcuts([
    { keys: 'j', label: t.next, run: () => move(1) },
    { keys: 'k', label: t.previous, run: () => move(-1) },
    {
      keys: 'Enter',
      label: t.open,
      run: () => {
        const instance = hits[current]?.instance;
        if (!instance) return;
        void navigate({ to: '/instances/$id', params: { id: instance.id }, search: tabOf(kind) });
      },
    },
  ]);
  if (trouble && !state) return <Failed trouble={trouble} again={() => void load(null, [])} />;
  if (!state) return <Loading />;
  if (hits.length === 0) {
    return (
      <Empty title={t.none}>
        <p className="quiet">{t.noneHint}</p>
      </Empty>
    );
  }
  return (
    <div className={styles.found}>
      <p className={styles.count}>
        {total !== undefined && (
          <span role="status">
            {t.shown(formats.whole(hits.length), formats.whole(Math.max(total, hits.length)))}
          </span>
        )}{' '}
        {state.next !== null && (
          <button type="button" disabled={busy} onClick={() => void load(state.next, hits)}>
            {t.more}
          </button>
        )}
      </p>
      <div>{trouble && <Failed trouble={trouble} />}</div>
      <VirtualList items={hits} keyOf={({ id }) => id} label={t.kind[kind]} height={56} current={current}>
        {(hit, index) => (
          <article className={styles.hit} data-failed={hit.failed} data-current={index === current}>
            <p>
              <span className="quiet">
                <Moment at={hit.at} />
              </span>{' '}
              <span className={styles.mark}>{hit.mark}</span>{' '}
              {hit.instance ? (
                <Link to="/instances/$id" params={{ id: hit.instance.id }} search={tabOf(kind)}>
                  {hit.instance.name}
                </Link>
              ) : (
                <span className="quiet">{t.noInstance}</span>
              )}{' '}
              <strong>{hit.title}</strong>
            </p>
            {hit.text && <p className={styles.text}>{hit.text}</p>}
          </article>
        )}
      </VirtualList>
    </div>
  );
}

/** Where the page of an instance has what was found. */
function tabOf(kind: Kind) {
  return kind === 'logs' ? { tab: 'logs' as const } : kind === 'messages' ? { tab: 'mcp' as const } : {};
}
