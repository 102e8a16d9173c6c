// Tool calls: how many, how many failed, and how long they took.
import { useAnswer } from '@/data/client';
import { useFormats } from '@/i18n/format';
import { useTexts } from '@/i18n/language';
import { Failed, Loading } from '@/ui/states';
import { TEXTS } from './messages';
import { Report } from './Report';
import { type ToolRow, toolRows } from './rows';
import { UsageByToolDocument } from './usage.generated';

export function Tools({ since }: { since: string }) {
  const t = useTexts(TEXTS);
  const formats = useFormats();
  const { data, trouble, again } = useAnswer(UsageByToolDocument, { since });
  if (trouble) return <Failed trouble={trouble} again={again} />;
  if (data === undefined) return <Loading />;
  const rows = toolRows(data);
  const time = (ms: number | null) => (ms === null ? '–' : formats.duration(ms));
  const inAll = ({ mean, calls }: ToolRow) => (mean ?? 0) * calls;
  return (
    <Report
      rows={rows}
      over={false}
      empty={rows.length === 0}
      view={t.view.tool}
      measure={t.toolTime}
      document={UsageByToolDocument}
      variables={{ since }}
      bar={(row) => ({ key: row.key, label: row.key, value: inAll(row), shown: time(inAll(row)) })}
      columns={[
        { title: t.columns.tool, value: ({ key }) => key },
        { title: t.columns.calls, number: true, value: ({ calls }) => formats.whole(calls) },
        { title: t.columns.failed, number: true, value: ({ failed }) => formats.whole(failed) },
        { title: t.columns.mean, number: true, value: ({ mean }) => time(mean) },
        { title: t.columns.p95, number: true, value: ({ p95 }) => time(p95) },
        { title: t.columns.longest, number: true, value: ({ longest }) => time(longest) },
        { title: t.toolTime, number: true, value: (row) => time(inAll(row)) },
      ]}
    />
  );
}
