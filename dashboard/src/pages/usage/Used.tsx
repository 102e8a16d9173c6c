// Requests to the model: cost, tokens and how long they took, over time or by model, project or person.
import { useAnswer } from '@/data/client';
import { useFormats } from '@/i18n/format';
import { useTexts } from '@/i18n/language';
import { Failed, Loading } from '@/ui/states';
import { TEXTS } from './messages';
import { Report } from './Report';
import { everyTime, NOTHING, stamp, type UsedRow, usedRow } from './rows';
import {
  UsageByModelDocument,
  UsageByPersonDocument,
  UsageByProjectDocument,
  UsageByTimeDocument,
  UsagePersonNamesDocument,
  UsageProjectNamesDocument,
  type UsageTotalFragment,
} from './usage.generated';

export const MEASURES = ['cost', 'tokens', 'requests'] as const;
export type Measure = (typeof MEASURES)[number];

type Kind = 'time' | 'model' | 'project' | 'person';
type Props = { view: Kind; since: string; days: number; measure: Measure };

export function Used({ view, since, days, measure }: Props) {
  const t = useTexts(TEXTS);
  const formats = useFormats();
  const { document, variables, rows, total, trouble, again } = useUsed(view, since, days);
  const nameOf = useNames(view, rows ?? []);
  if (trouble) return <Failed trouble={trouble} again={again} />;
  if (rows === undefined || total === undefined) return <Loading />;
  const over = view === 'time';
  const measured = (row: UsedRow) =>
    measure === 'cost' ? row.cost : measure === 'tokens' ? row.input + row.output + row.cached : row.requests;
  const show = (value: number) => (measure === 'cost' ? formats.cost(value) : formats.compact(value));
  const label = ({ key }: UsedRow) =>
    over ? (days === 1 ? formats.dateTime(key) : formats.utcDay(key)) : nameOf(key);
  const all = over
    ? everyTime(rows, since, days, emptyRow)
    : rows.toSorted((a, b) => measured(b) - measured(a) || a.key.localeCompare(b.key));
  const whole = (title: string, value: (row: UsedRow) => number) => ({
    title,
    number: true as const,
    value: (row: UsedRow) => formats.whole(value(row)),
  });
  return (
    <Report
      rows={all}
      over={over}
      empty={rows.length === 0}
      view={t.view[view]}
      measure={t.measures[measure]}
      document={document}
      variables={variables}
      bar={(row) => ({ key: row.key, label: label(row), value: measured(row), shown: show(measured(row)) })}
      columns={[
        { title: t.columns[view], value: label },
        { title: t.columns.cost, number: true, value: (row) => formats.cost(row.cost) },
        whole(t.columns.input, ({ input }) => input),
        whole(t.columns.output, ({ output }) => output),
        whole(t.columns.cached, ({ cached }) => cached),
        whole(t.columns.requests, ({ requests }) => requests),
        {
          title: t.columns.duration,
          number: true,
          value: ({ duration }) => (duration === null ? '–' : formats.duration(duration)),
        },
      ]}
    >
      <strong>
        {t.total(formats.cost(total.cost), formats.compact(total.tokens), formats.whole(total.count))}
      </strong>
      {over && days > 1 && <span className="quiet">{t.byUtc}</span>}
    </Report>
  );
}

function emptyRow(key: string): UsedRow {
  return { key, requests: 0, input: 0, output: 0, cached: 0, cost: 0, duration: null };
}

/** The groups of a view: of the four documents the one that it needs is asked. */
function useUsed(view: Kind, since: string, days: number) {
  const timely = { since, by: [days === 1 ? 'REQUESTED_AT_HOUR' : 'REQUESTED_AT_DAY'] as const };
  const when = (wanted: Kind) => (view === wanted ? { since } : null);
  const time = useAnswer(UsageByTimeDocument, view === 'time' ? { since, by: [...timely.by] } : null);
  const model = useAnswer(UsageByModelDocument, when('model'));
  const project = useAnswer(UsageByProjectDocument, when('project'));
  const person = useAnswer(UsageByPersonDocument, when('person'));
  const asked = { time, model, project, person }[view];
  const rows = {
    time: () =>
      time.data?.ccUsage.groups.map((group) =>
        usedRow(stamp(group.key.requestedAtDay ?? group.key.requestedAtHour), group),
      ),
    model: () => model.data?.ccUsage.groups.map((group) => usedRow(group.key.model, group)),
    project: () => project.data?.ccUsage.groups.map((group) => usedRow(group.key.projectId, group)),
    person: () => person.data?.ccUsage.groups.map((group) => usedRow(group.key.userId, group)),
  }[view]();
  const document = {
    time: UsageByTimeDocument,
    model: UsageByModelDocument,
    project: UsageByProjectDocument,
    person: UsageByPersonDocument,
  }[view];
  return {
    document,
    variables: view === 'time' ? timely : { since },
    rows,
    total: asked.data && totalOf(asked.data.ccUsage.aggregate),
    trouble: asked.trouble,
    again: asked.again,
  };
}

function totalOf({ count, sum }: UsageTotalFragment) {
  const { inputTokens, outputTokens, cacheReadTokens, cacheCreationTokens, costMicroUsd } = sum;
  const tokens = [inputTokens, outputTokens, cacheReadTokens, cacheCreationTokens];
  return {
    count,
    cost: Number(costMicroUsd ?? 0),
    tokens: tokens.reduce((all, one) => all + Number(one ?? 0), 0),
  };
}

/** What a key is called: projects and people are asked for by theirs. */
function useNames(view: Kind, rows: readonly UsedRow[]): (key: string) => string {
  const t = useTexts(TEXTS);
  const keys = rows.map(({ key }) => key).filter((key) => key !== NOTHING);
  const projects = useAnswer(
    UsageProjectNamesDocument,
    view === 'project' && keys.length > 0 ? { ids: keys } : null,
  );
  const people = useAnswer(
    UsagePersonNamesDocument,
    view === 'person' && keys.length > 0 ? { ids: keys.map(Number) } : null,
  );
  const names = new Map<string, string>([
    ...(projects.data?.projects.nodes ?? []).map(({ projectId, name }) => [projectId, name] as const),
    ...(people.data?.users.nodes ?? []).map(({ id, username }) => [String(id), username] as const),
  ]);
  const asked = projects.data ?? people.data;
  return (key) => {
    if (key === NOTHING) return t.nameless;
    if (view === 'model') return key;
    return names.get(key) ?? (asked ? t.unseen : '…');
  };
}
