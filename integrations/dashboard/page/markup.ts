/** The bare page. Everything that comes from a guard is put in by the script, as text. */
export const markup = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>holdfast</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="style.css">
</head>
<body>
<a class="skip" href="#main">Skip to content</a>
<header>
  <h1><a href="#/">holdfast</a></h1>
  <p id="connection" role="status">connecting …</p>
</header>
<main id="main" tabindex="-1">
  <section id="overview" aria-label="Overview">
    <dl id="totals" class="totals"></dl>
    <div class="columns">
    <div>
      <section class="card" aria-labelledby="chart-title">
        <div class="card-head"><h2 id="chart-title">Spend over time</h2><p id="chart-legend" class="legend"></p></div>
        <figure id="chart"></figure>
      </section>
      <section class="card" aria-labelledby="runs-title">
        <div class="card-head"><h2 id="runs-title">Runs</h2><p id="runs-count" class="legend"></p></div>
        <ul id="runs" class="runs"></ul>
      </section>
    </div>
    <section class="card" aria-labelledby="budgets-title">
      <div class="card-head"><h2 id="budgets-title">Budgets</h2><p class="legend">marks at 50, 80 and 95 %</p></div>
      <ul id="budgets" class="budgets"></ul>
    </section>
  </div>
  </section>
  <section id="run" aria-label="Run" hidden></section>
</main>
<dialog id="dialog" aria-labelledby="dialog-title"></dialog>
<noscript><p class="notice">This page needs JavaScript: it shows what happens while it happens.</p></noscript>
<script type="module" src="app.js"></script>
</body>
</html>
`;
