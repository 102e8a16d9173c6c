// What depends on what in a project, and the chain that takes longest.
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useMemo } from 'react';
import { useShortcuts } from '@/app/shortcuts';
import { useLive } from '@/data/follow';
import { useFormats } from '@/i18n/format';
import { useTexts } from '@/i18n/language';
import { Empty, Failed, Loading, NOT_FOUND } from '@/ui/states';
import { TaskGraphDocument, type TaskGraphSubscription } from './board.generated';
import styles from './GraphPage.module.css';
import { type Layout, layout, type Placed, UNESTIMATED } from './layers';
import { TEXTS } from './messages';

type Task = TaskGraphSubscription['live']['tasks']['nodes'][number];

const ROUTE = { from: '/board/$project/graph' } as const;
const BOX = { width: 190, height: 44, across: 250, down: 58 } as const;
const LONGEST = 24; // characters of a name that fit into a box
const OPEN = {
  or: [
    { status: { neq: 'COMPLETED' as const } },
    { dependents: { some: { task: { status: { neq: 'COMPLETED' as const } } } } },
  ],
};

export function GraphPage() {
  const t = useTexts(TEXTS);
  const formats = useFormats();
  const { project } = useParams(ROUTE);
  const { all = false } = useSearch(ROUTE);
  const navigate = useNavigate(ROUTE);
  const { data, trouble } = useLive(TaskGraphDocument, { project, where: all ? {} : OPEN });
  const drawn = useMemo(() => (data ? layout(data.tasks.nodes) : undefined), [data]);
  useShortcuts([{ keys: 'u', label: t.back, run: () => history.back() }]);
  if (trouble) return <Failed page trouble={trouble} />;
  if (data === undefined || drawn === undefined) return <Loading />;
  if (data.project === null) return <Failed page trouble={NOT_FOUND} />;
  const { totalCount, nodes } = data.tasks;
  return (
    <div className={styles.page}>
      <div className={styles.head}>
        <h1>{t.graphOf(data.project.name)}</h1>
        <Link to="/board" search={{ project }}>
          {t.back}
        </Link>
        <label>
          <input
            type="checkbox"
            checked={all}
            onChange={(event) =>
              void navigate({ search: event.target.checked ? { all: true } : {}, replace: true })
            }
          />{' '}
          {t.withCompleted}
        </label>
        {totalCount > nodes.length && <span className="quiet">{t.leftOut(nodes.length, totalCount)}</span>}
      </div>
      {nodes.length === 0 ? (
        <Empty title={t.noEdges}>
          <p className="quiet">{t.noEdgesHint}</p>
        </Empty>
      ) : (
        <>
          <section className={styles.critical} aria-labelledby="critical-title">
            <h2 id="critical-title">{t.critical}</h2>
            <p>{t.criticalIs(drawn.critical.length, formats.duration(drawn.minutes * 60_000))}</p>
            <ol>
              {drawn.critical.map((task) => (
                <li key={task.id}>
                  {task.name} <span className="quiet">{t.status[task.status]}</span>
                  {task.assignedTo && (
                    <>
                      {' '}
                      <Link to="/instances/$id" params={{ id: task.assignedTo.id }}>
                        {task.assignedTo.name}
                      </Link>
                    </>
                  )}
                </li>
              ))}
            </ol>
            <p className="quiet">
              {t.unestimated(UNESTIMATED)} {t.suggested}
            </p>
          </section>
          <Drawing drawn={drawn} />
          <List drawn={drawn} />
        </>
      )}
    </div>
  );
}

function Drawing({ drawn }: { drawn: Layout<Task> }) {
  const t = useTexts(TEXTS);
  const width = drawn.layers * BOX.across;
  const height = drawn.widest * BOX.down + 8;
  const at = new Map(drawn.nodes.map((node) => [node.task.id, placeOf(node)]));
  const name = t.drawing(drawn.nodes.length, drawn.edges.length);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard
    <section className={styles.drawing} tabIndex={0} aria-label={t.graph}>
      <svg viewBox={`0 0 ${width} ${height}`} width={width} height={height} role="img" aria-label={name}>
        {drawn.edges.map((edge) => {
          const from = at.get(edge.from);
          const to = at.get(edge.to);
          if (!from || !to) return null;
          const x = from.x + BOX.width;
          const [y, end] = [from.y + BOX.height / 2, to.y + BOX.height / 2];
          const bend = Math.max(30, (to.x - x) / 2);
          return (
            <path
              key={`${edge.from} ${edge.to}`}
              d={`M${x} ${y} C${x + bend} ${y} ${to.x - bend} ${end} ${to.x} ${end}`}
              data-critical={edge.critical}
              data-hard={edge.hard}
            />
          );
        })}
        {drawn.nodes.map((node) => {
          const { x, y } = placeOf(node);
          const { id, name, status } = node.task;
          return (
            <g key={id} data-critical={node.critical} data-status={status}>
              <rect x={x} y={y} width={BOX.width} height={BOX.height} rx={5} />
              <text x={x + 10} y={y + 18}>
                {name.length > LONGEST ? `${name.slice(0, LONGEST - 1)}…` : name}
              </text>
              <text x={x + 10} y={y + 35} className={styles.status}>
                {t.status[status]}
              </text>
              <title>{name}</title>
            </g>
          );
        })}
      </svg>
    </section>
  );
}

function placeOf({ layer, place }: Placed<Task>) {
  return { x: layer * BOX.across + 4, y: place * BOX.down + 4 };
}

/** The same to read: each task with what it comes after. */
function List({ drawn }: { drawn: Layout<Task> }) {
  const t = useTexts(TEXTS);
  const names = new Map(drawn.nodes.map(({ task }) => [task.id, task.name]));
  return (
    <details className={styles.list}>
      <summary>{t.list}</summary>
      <ol>
        {drawn.nodes.map(({ task }) => {
          const before = drawn.edges.flatMap(({ from, to }) =>
            to === task.id ? [names.get(from) ?? ''] : [],
          );
          return (
            <li key={task.id}>
              {task.name} · {t.status[task.status]}
              {before.length > 0 && <span className="quiet"> · {t.after(before.join(', '))}</span>}
            </li>
          );
        })}
      </ol>
    </details>
  );
}
