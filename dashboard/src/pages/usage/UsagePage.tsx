// Where do time and money go? Groups of requests, tool calls and errors of a period.
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { useTexts } from '@/i18n/language';
import page from '@/ui/page.module.css';
import { Errors } from './Errors';
import { TEXTS } from './messages';
import { PERIODS, type Period, VIEWS } from './page';
import { sinceOf } from './rows';
import { Tools } from './Tools';
import styles from './UsagePage.module.css';
import { MEASURES, type Measure, Used } from './Used';

export function UsagePage() {
  const t = useTexts(TEXTS);
  const { view = 'time', days = 7 } = useSearch({ from: '/usage' });
  const navigate = useNavigate({ from: '/usage' });
  const [measure, setMeasure] = useState<Measure>('cost');
  const [asked, setAsked] = useState(() => Date.now());
  const since = sinceOf(days, asked);
  const key = `${view} ${asked}`;
  return (
    <div className={styles.page}>
      <div className={page.head}>
        <h1>{t.title}</h1>
        <label>
          {t.period}{' '}
          <select
            value={days}
            onChange={(event) =>
              void navigate({
                search: { view, days: Number(event.target.value) as Period },
                replace: true,
              })
            }
          >
            {PERIODS.map((count) => (
              <option key={count} value={count}>
                {t.periods[`d${count}`]}
              </option>
            ))}
          </select>
        </label>
        {view !== 'tool' && view !== 'errors' && (
          <label>
            {t.measure}{' '}
            <select value={measure} onChange={(event) => setMeasure(event.target.value as Measure)}>
              {MEASURES.map((name) => (
                <option key={name} value={name}>
                  {t.measures[name]}
                </option>
              ))}
            </select>
          </label>
        )}
        <button type="button" onClick={() => setAsked(Date.now())}>
          {t.again}
        </button>
      </div>
      <nav aria-label={t.views}>
        <ul className={page.tabs}>
          {VIEWS.map((name) => (
            <li key={name}>
              <Link
                to="/usage"
                search={{ view: name, days }}
                replace
                aria-current={name === view ? 'page' : undefined}
              >
                {t.view[name]}
              </Link>
            </li>
          ))}
        </ul>
      </nav>
      {view === 'tool' ? (
        <Tools key={key} since={since} />
      ) : view === 'errors' ? (
        <Errors key={key} since={since} days={days} />
      ) : (
        <Used key={key} view={view} since={since} days={days} measure={measure} />
      )}
    </div>
  );
}
