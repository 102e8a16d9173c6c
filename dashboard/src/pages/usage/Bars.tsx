// Bars: standing ones for what goes over time, lying ones for what has names. The table below says the same.
import styles from './UsagePage.module.css';

export type Bar = { key: string; label: string; value: number; shown: string };

const HEIGHT = 160; // units of the drawing
const STEP = 20;

export function Bars({
  bars,
  over,
  name,
  most,
}: {
  bars: readonly Bar[];
  over: boolean;
  name: string;
  most: string;
}) {
  const highest = Math.max(...bars.map(({ value }) => value), 0);
  const share = (value: number) => (highest > 0 ? value / highest : 0);
  if (!over) {
    return (
      <div className={styles.lying} role="img" aria-label={name}>
        {bars.map(({ key, label, value, shown }) => (
          <div key={key}>
            <span title={label}>{label}</span>
            <span className={styles.track}>
              <span style={{ width: `${share(value) * 100}%` }} />
            </span>
            <span>{shown}</span>
          </div>
        ))}
      </div>
    );
  }
  return (
    <figure className={styles.standing}>
      <figcaption className="quiet">{most}</figcaption>
      <svg
        viewBox={`0 0 ${bars.length * STEP} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={name}
      >
        {bars.map(({ key, label, value, shown }, index) => (
          <g key={key}>
            <rect x={index * STEP} y={0} width={STEP} height={HEIGHT} className={styles.behind} />
            <rect
              x={index * STEP + 2}
              y={HEIGHT * (1 - share(value))}
              width={STEP - 4}
              height={HEIGHT * share(value)}
            />
            <title>{`${label}: ${shown}`}</title>
          </g>
        ))}
      </svg>
      <p className={`${styles.axis} quiet`}>
        <span>{bars[0]?.label}</span>
        <span>{bars.at(-1)?.label}</span>
      </p>
    </figure>
  );
}
