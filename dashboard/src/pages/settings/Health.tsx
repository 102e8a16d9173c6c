// How the server is: its database, what keeps it tidy, and what waits.
import type { ReactNode } from 'react';
import { useAnswer } from '@/data/client';
import { useFormats } from '@/i18n/format';
import { useTexts } from '@/i18n/language';
import page from '@/ui/page.module.css';
import { Failed, Loading } from '@/ui/states';
import { Moment, Since } from '@/ui/time';
import { TEXTS } from './messages';
import { SettingsHealthDocument, type SettingsHealthQuery } from './settings.generated';

type Facts = NonNullable<SettingsHealthQuery['systemHealth']>;

export function Health() {
  const t = useTexts(TEXTS);
  const { data, trouble, again } = useAnswer(SettingsHealthDocument, {});
  return (
    <section aria-labelledby="health-title">
      <h2 id="health-title">{t.health}</h2>
      {trouble ? (
        <Failed trouble={trouble} again={again} />
      ) : data?.systemHealth ? (
        <>
          <HealthFacts health={data.systemHealth} />
          <p>
            <button type="button" onClick={again}>
              {t.again}
            </button>
          </p>
        </>
      ) : (
        <Loading />
      )}
    </section>
  );
}

function HealthFacts({ health }: { health: Facts }) {
  const t = useTexts(TEXTS);
  const formats = useFormats();
  const { lastMaintenance, lastBackup, replicationLagSeconds: lag } = health;
  const size = (bytes: string | null) => (bytes === null ? '–' : formats.bytes(Number(bytes)));
  const count = (value: string | number | null) => (value === null ? '–' : formats.whole(Number(value)));
  const facts: [string, ReactNode][] = [
    [t.measured, health.measuredAt && <Moment key="at" at={health.measuredAt} />],
    [t.database, size(health.databaseBytes)],
    [t.connections, count(health.connectionCount)],
    [
      t.replicas,
      [count(health.replicaCount), lag !== null && t.behind(formats.duration(lag * 1_000))]
        .filter(Boolean)
        .join(' · '),
    ],
    [
      t.maintenance,
      lastMaintenance ? (
        <span key="maintenance">
          {t.states[lastMaintenance.status]} · <Moment at={lastMaintenance.startedAt} />
          {lastMaintenance.failedSteps > 0 && ` · ${t.failedSteps(lastMaintenance.failedSteps)}`}
        </span>
      ) : (
        t.none
      ),
    ],
    [
      t.backup,
      lastBackup ? (
        <span key="backup">
          {t.states[lastBackup.status]} · <Moment at={lastBackup.finishedAt} /> · {size(lastBackup.sizeBytes)}{' '}
          · {lastBackup.isVerified ? t.verified : t.unverified}
        </span>
      ) : (
        t.none
      ),
    ],
  ];
  return (
    <>
      <dl className={page.facts}>
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <Table
        title={t.queues}
        heads={[t.queue, t.waiting, t.failed, t.oldest]}
        rows={health.queues.nodes.map(({ queueName, waiting, failed, oldestAt }) => [
          queueName ?? '',
          count(waiting),
          count(failed),
          oldestAt === null ? '–' : <Since key="since" at={oldestAt} />,
        ])}
      />
      <Table
        title={t.largest}
        heads={[t.table, t.size, t.rows]}
        rows={health.tables.nodes.map(({ tableName, totalBytes, estimatedRows }) => [
          tableName ?? '',
          size(totalBytes),
          count(estimatedRows),
        ])}
      />
    </>
  );
}

type TableProps = { title: string; heads: readonly string[]; rows: readonly [string, ...ReactNode[]][] };

function Table({ title, heads, rows }: TableProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard
    <section className={page.table} tabIndex={0} aria-label={title}>
      <table>
        <caption>{title}</caption>
        <thead>
          <tr>
            {heads.map((head) => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((cells) => (
            <tr key={cells[0]}>
              {cells.map((cell, index) => (
                <td key={heads[index]}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
