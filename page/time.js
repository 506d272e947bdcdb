// Times and numbers as people read them. No DOM, no state.

const clocks = new Map();

// The server's clock speaks UTC; this shows it in the time zone and the manner of the person who reads.
// toLocaleTimeString would do the same, but set up its formatter anew for every row.
export function clockTime(at, language) {
  if (!clocks.has(language)) {
    const regional = navigator.languages.find((wish) => wish.split('-')[0] === language);
    clocks.set(language, new Intl.DateTimeFormat(regional ?? language, { hour: '2-digit', minute: '2-digit' }));
  }
  return clocks.get(language).format(new Date(at));
}

// Minutes and seconds: 4:07.
export function duration(milliseconds) {
  const seconds = Math.floor(milliseconds / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

export function rounded(milliseconds) {
  return milliseconds < 10 ? milliseconds.toFixed(1) : Math.round(milliseconds);
}

export function inMilliseconds(microseconds) {
  return microseconds < 10_000 ? (microseconds / 1000).toFixed(2) : (microseconds / 1000).toFixed(0);
}

export function inSeconds(microseconds) {
  return (microseconds / 1e6).toFixed(3);
}

// The number that this part of all numbers do not exceed: 0.5 is the median.
export function percentile(numbers, part) {
  const sorted = [...numbers].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}
