// One view: its chart, the way to its query in GraphiQL, and the table of its figures.
import { stringifyDocument, type TypedDocumentNode } from '@urql/core';
import type { ReactNode } from 'react';
import { useTexts } from '@/i18n/language';
import { addressOf } from '@/pages/graphiql/given';
import { useConnectCommand } from '@/ui/connecting';
import page from '@/ui/page.module.css';
import { Empty } from '@/ui/states';
import { type Bar, Bars } from './Bars';
import { TEXTS } from './messages';
import styles from './UsagePage.module.css';

const CHARTED = 20;
const MOST = 500; // groups that the API gives at a time

export type TableColumn<Row> = { title: string; value: (row: Row) => ReactNode; number?: true };

type Props<Row> = {
  rows: readonly Row[];
  columns: readonly TableColumn<Row>[];
  bar: (row: Row) => Bar;
  measure: string;
  view: string;
  over: boolean;
  /** Whether there is nothing in the period, although rows may stand for every day of it. */
  empty: boolean;
  // biome-ignore lint/suspicious/noExplicitAny: any document with its own variables
  document: TypedDocumentNode<any, any>;
  variables: Record<string, unknown>;
  children?: ReactNode;
};

export function Report<Row extends { key: string }>(props: Props<Row>) {
  const { rows, columns, bar, measure, view, over, empty, document, variables, children } = props;
  const t = useTexts(TEXTS);
  const command = useConnectCommand();
  const name = t.chartOf(measure, view);
  const bars = (over ? rows : rows.slice(0, CHARTED)).map(bar);
  const highest = bars.reduce((most, one) => (one.value > most.value ? one : most), { value: -1, shown: '' });
  return (
    <>
      <p className={page.head}>
        {children}
        <a href={addressOf(stringifyDocument(document), variables)}>{t.graphiql}</a>
      </p>
      {empty ? (
        <Empty title={t.none}>
          <p className="quiet">{t.noneHint(command)}</p>
        </Empty>
      ) : (
        <>
          <Bars bars={bars} over={over} name={name} most={t.most(highest.shown)} />
          {!over && rows.length > CHARTED && <p className="quiet">{t.charted(CHARTED)}</p>}
          {rows.length >= MOST && <p className="quiet">{t.first(String(MOST))}</p>}
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard */}
          <section className={`${page.table} ${styles.figures}`} tabIndex={0} aria-label={name}>
            <table>
              <thead>
                <tr>
                  {columns.map(({ title, number }) => (
                    <th key={title} scope="col" data-number={number}>
                      {title}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {(over ? rows.toReversed() : rows).map((row) => (
                  <tr key={row.key}>
                    {columns.map(({ title, value, number }) => (
                      <td key={title} data-number={number}>
                        {value(row)}
                      </td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </section>
        </>
      )}
    </>
  );
}
