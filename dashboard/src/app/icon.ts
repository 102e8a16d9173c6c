// The icon of the tab with a number in it.

const SIZE = 64;

/** The icon as a data URL; numbers past 99 are shown as 99. */
export function iconWith(count: number): string {
  const canvas = document.createElement('canvas');
  canvas.width = SIZE;
  canvas.height = SIZE;
  const draw = canvas.getContext('2d');
  if (draw === null) return '/icon.svg';
  draw.fillStyle = '#a35200';
  draw.beginPath();
  draw.roundRect(0, 0, SIZE, SIZE, SIZE / 5);
  draw.fill();
  draw.fillStyle = '#ffffff';
  draw.font = `bold ${count > 9 ? 40 : 48}px sans-serif`;
  draw.textAlign = 'center';
  draw.textBaseline = 'middle';
  draw.fillText(String(Math.min(count, 99)), SIZE / 2, SIZE / 2 + 3);
  return canvas.toDataURL('image/png');
}
