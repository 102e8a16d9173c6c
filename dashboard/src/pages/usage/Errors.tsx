// Log entries of the levels error and fatal, over time.
import { useAnswer } from '@/data/client';
import { useFormats } from '@/i18n/format';
import { useTexts } from '@/i18n/language';
import { Failed, Loading } from '@/ui/states';
import { TEXTS } from './messages';
import { Report } from './Report';
import { type ErrorRow, errorRows, everyTime } from './rows';
import { type CcLogGroupBy, UsageErrorsDocument } from './usage.generated';

export function Errors({ since, days }: { since: string; days: number }) {
  const t = useTexts(TEXTS);
  const formats = useFormats();
  const by: CcLogGroupBy[] = [days === 1 ? 'CREATED_AT_HOUR' : 'CREATED_AT_DAY', 'CATEGORY'];
  const { data, trouble, again } = useAnswer(UsageErrorsDocument, { since, by });
  if (trouble) return <Failed trouble={trouble} again={again} />;
  if (data === undefined) return <Loading />;
  const rows = errorRows(data.ccLogs.groups);
  const label = ({ key }: ErrorRow) => (days === 1 ? formats.dateTime(key) : formats.utcDay(key));
  return (
    <Report
      rows={everyTime(rows, since, days, (key): ErrorRow => ({ key, count: 0, categories: [] }))}
      over
      empty={rows.length === 0}
      view={t.view.time}
      measure={t.columns.errors}
      document={UsageErrorsDocument}
      variables={{ since, by }}
      bar={(row) => ({ key: row.key, label: label(row), value: row.count, shown: formats.whole(row.count) })}
      columns={[
        { title: t.columns.time, value: label },
        { title: t.columns.errors, number: true, value: ({ count }) => formats.whole(count) },
        {
          title: t.columns.categories,
          value: ({ categories }) =>
            categories.map(([category, count]) => `${category} ${formats.whole(count)}`).join(', '),
        },
      ]}
    >
      {days > 1 && <span className="quiet">{t.byUtc}</span>}
    </Report>
  );
}
