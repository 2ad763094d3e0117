(function () {
  'use strict';
  var root = document.documentElement;
  var button = document.getElementById('theme');
  var dark = window.matchMedia('(prefers-color-scheme: dark)');
  function isDark() { return root.dataset.theme ? root.dataset.theme === 'dark' : dark.matches; }
  function label() { button.textContent = isDark() ? 'Light' : 'Dark'; }
  if (button) {
    button.hidden = false;
    label();
    button.addEventListener('click', function () {
      root.dataset.theme = isDark() ? 'light' : 'dark';
      label();
      draw();
    });
    dark.addEventListener('change', function () { label(); draw(); });
  }
  var data = document.getElementById('data'), save = document.getElementById('download');
  if (data && save) {
    save.hidden = false;
    save.addEventListener('click', function () {
      var a = document.createElement('a');
      a.href = URL.createObjectURL(new Blob([bytes(data.textContent.trim())]));
      a.download = data.dataset.name;
      a.click();
      setTimeout(function () { URL.revokeObjectURL(a.href); }, 1000);
    });
  }
  function unfold() {
    var target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    var fold = target && target.querySelector('details');
    if (fold && fold.parentNode === target) fold.open = true;
  }
  window.addEventListener('hashchange', unfold);
  document.querySelectorAll('nav a').forEach(function (a) {
    a.addEventListener('click', function () { setTimeout(unfold, 0); });
  });
  unfold();
  function worth(cell) {
    var found = /^([−-]?)([\d,.]+)([kMB]?)/.exec(cell.textContent.trim().replace('+', ''));
    if (!found) return null;
    return (found[1] ? -1 : 1) * parseFloat(found[2].replace(/,/g, '')) * {'': 1, k: 1e3, M: 1e6, B: 1e9}[found[3]];
  }
  function order(a, b, k) {
    var x = worth(a.cells[k]), y = worth(b.cells[k]);
    if (x !== null && y !== null) return y - x;
    if (x !== null || y !== null) return x === null ? 1 : -1;
    return a.cells[k].textContent.localeCompare(b.cells[k].textContent);
  }
  document.querySelectorAll('table.sort').forEach(function (t) {
    t.querySelectorAll('thead th').forEach(function (h) {
      var sorter = document.createElement('button');
      sorter.textContent = h.textContent;
      h.replaceChildren(sorter);
      sorter.addEventListener('click', function () {
        var down = h.getAttribute('aria-sort') !== 'descending';
        t.querySelectorAll('th[aria-sort]').forEach(function (o) { o.removeAttribute('aria-sort'); });
        h.setAttribute('aria-sort', down ? 'descending' : 'ascending');
        Array.from(t.tBodies[0].rows).sort(function (a, b) {
          return (down ? 1 : -1) * order(a, b, h.cellIndex);
        }).forEach(function (row) { t.tBodies[0].appendChild(row); });
      });
    });
  });
  var groups = !window.uPlot ? [] : Array.from(document.querySelectorAll('.explore'), function (box) {
    var panels = JSON.parse(box.querySelector('script').textContent);
    panels.forEach(function (p) {
      p.times = sums(p.x).map(function (k) { return p.start + p.step * k; });
      p.series.forEach(function (s) {
        var values = sums(s.y).map(function (v) { return v === null ? null : v / s.scale; });
        s.values = !s.marker ? values : new Array(p.times.length).fill(null);
        if (s.marker) sums(s.at).forEach(function (at, i) { s.values[at] = values[i]; });
      });
    });
    box.hidden = false;
    return {panels: panels, home: box.querySelector('div'), plots: [], made: 0};
  });

  function bytes(text) {
    var raw = atob(text), out = new Uint8Array(raw.length);
    for (var i = 0; i < raw.length; i++) out[i] = raw.charCodeAt(i);
    return out.buffer;
  }
  function sums(steps) {
    var sum = 0;
    return steps.map(function (step) { return step === null ? null : sum += step; });
  }
  function colour(name) { return getComputedStyle(root).getPropertyValue('--' + name).trim(); }
  function text(value, unit) {
    if (value === null || value === undefined) return '–';
    if (unit === 'percent') return (100 * value).toFixed(1) + '%';
    var size = Math.abs(value);
    if (unit === 'money' && size >= 1000) return value.toLocaleString('en-US', {maximumFractionDigits: 0});
    return String(Number(value.toPrecision(6)));
  }
  function axis(value, unit) {
    if (unit === 'percent') return Math.round(1000 * value) / 10 + '%';
    var size = Math.abs(value);
    if (size >= 1e9) return value / 1e9 + 'B';
    if (size >= 1e6) return value / 1e6 + 'M';
    if (size >= 1e4) return value / 1e3 + 'k';
    return String(Number(value.toPrecision(6)));
  }
  function candles(u, p) {
    var all = p.series.slice(0, 4).map(function (s) { return s.values; }), x = u.scales.x;
    var rows = p.times.reduce(function (found, at, i) {
      if (all[3][i] !== null && at >= x.min && at <= x.max) found.push(i);
      return found;
    }, []);
    var at = rows.map(function (i) { return u.valToPos(p.times[i], 'x', true); });
    function y(k, i) { return u.valToPos(all[k][i], 'y', true); }
    var ctx = u.ctx, px = devicePixelRatio, wide = u.bbox.width / rows.length >= 3 * px;
    ctx.save();
    ctx.lineWidth = px;
    ctx.setLineDash([]);
    ctx.strokeStyle = colour('fg');
    ctx.beginPath();
    if (!wide) rows.forEach(function (i, k) { ctx.lineTo(at[k], y(3, i)); });
    ctx.stroke();
    if (wide) rows.forEach(function (i, k) {
      var step = Math.min(at[k] - (k ? at[k - 1] : -1e9), (k + 1 < at.length ? at[k + 1] : 1e9) - at[k]);
      var half = Math.max(px, Math.min(0.35 * step, 9 * px)), up = all[3][i] >= all[0][i];
      var top = Math.min(y(0, i), y(3, i)), tall = Math.max(px, Math.abs(y(0, i) - y(3, i)));
      ctx.fillStyle = ctx.strokeStyle = colour(up ? 'gain' : 'loss');
      ctx.beginPath();
      ctx.moveTo(at[k], y(1, i));
      ctx.lineTo(at[k], top);
      ctx.moveTo(at[k], top + tall);
      ctx.lineTo(at[k], y(2, i));
      ctx.rect(at[k] - half, top, 2 * half, tall);
      if (!up) ctx.fill();
      ctx.stroke();
    });
    ctx.restore();
  }
  function triangles(u, p) {
    var ctx = u.ctx, shown = 0, size;
    p.series.forEach(function (s) {
      if (s.marker) s.values.forEach(function (v, i) {
        if (v !== null && p.times[i] >= u.scales.x.min && p.times[i] <= u.scales.x.max) shown++;
      });
    });
    size = (shown > 150 ? 2.5 : shown > 50 ? 3.5 : 5) * devicePixelRatio;
    ctx.save();
    ctx.globalAlpha = 0.75;
    p.series.forEach(function (s, k) {
      if (!s.marker || !u.series[k + 1].show) return;
      ctx.fillStyle = colour(s.colour);
      s.values.forEach(function (v, i) {
        var at = p.times[i];
        if (v === null || at < u.scales.x.min || at > u.scales.x.max) return;
        var x = u.valToPos(at, 'x', true), y = u.valToPos(v, 'y', true), d = s.marker === 'up' ? size : -size;
        ctx.beginPath();
        ctx.moveTo(x, y - d);
        ctx.lineTo(x + size, y + d);
        ctx.lineTo(x - size, y + d);
        ctx.fill();
      });
    });
    ctx.restore();
  }
  function series(s, unit) {
    var dash = s.dash === 'dashed' ? [8, 4] : s.dash === 'dotted' ? [2, 3] : [];
    var shown = {
      label: s.name, width: 1.4, dash: dash, spanGaps: true,
      stroke: function () { return colour(s.colour); },
      value: function (u, v) { return text(v, unit); },
      points: {show: false}
    };
    if (s.marker || s.dash === 'none') shown.paths = function () { return null; };
    return shown;
  }
  function decades(u, at, low, high) {
    var all = [], marks = high / low > 200 ? [1] : high / low > 20 ? [1, 3] : [1, 2, 5], k, m;
    if (high / low < 4) {
      var rough = (high - low) / 4, size = Math.pow(10, Math.floor(Math.log10(rough)));
      m = size * (rough > 5 * size ? 10 : rough > 2 * size ? 5 : rough > size ? 2 : 1);
      for (k = Math.ceil(low / m); k * m <= high; k++) all.push(k * m);
      return all;
    }
    for (k = Math.floor(Math.log10(low)); k <= Math.log10(high); k++) {
      for (m = 0; m < marks.length; m++) {
        var v = marks[m] * Math.pow(10, k);
        if (v >= low && v <= high) all.push(v);
      }
    }
    return all;
  }
  function options(p, width, last) {
    var tick = {
      stroke: function () { return colour('muted'); },
      grid: {stroke: function () { return colour('grid'); }, width: 1},
      ticks: {show: false}, font: '12px system-ui, sans-serif'
    };
    return {
      width: width, height: p.height, title: p.title,
      cursor: {sync: {key: 'run', scales: ['x', null]}, drag: {x: true, y: false}, focus: {prox: -1}},
      scales: {x: {time: true}, y: p.log ? {distr: 3, range: function (u, low, high) { return [low * 0.95, high * 1.05]; }} : {range: function (u, low, high) {
        var flat = p.unit === 'percent' ? 0.01 : Math.abs(low) * 0.05 || 1;
        return low === high ? [low - flat, high + flat] : uPlot.rangeNum(low, high, 0.1, true);
      }}},
      tzDate: function (at) { return uPlot.tzDate(new Date(at * 1000), 'Etc/UTC'); },
      legend: {live: true},
      axes: [
        Object.assign(last ? {} : {size: 6, values: function (u, all) { return all.map(function () { return ''; }); }}, tick),
        Object.assign(p.log ? {splits: decades, filter: function (u, all) { return all; }} : {}, {size: 62, values: function (u, all) {
          return all.map(function (v) { return v === null ? '' : axis(v, p.unit); });
        }}, tick)
      ],
      series: [{label: 'UTC', value: '{YYYY}-{MM}-{DD} {HH}:{mm}'}].concat(
        p.series.map(function (s) { return series(s, p.unit); })),
      hooks: {setScale: [follow], draw: [function (u) { if (p.candles) candles(u, p); triangles(u, p); }]}
    };
  }
  var busy = false;
  function follow(u, key) {
    if (key !== 'x' || busy) return;
    busy = true;
    groups.forEach(function (g) {
      if (g.plots.indexOf(u) >= 0) g.plots.forEach(function (other) {
        if (other !== u) other.setScale('x', {min: u.scales.x.min, max: u.scales.x.max});
      });
    });
    busy = false;
  }
  function drawGroup(g) {
    g.plots.forEach(function (u) { u.destroy(); });
    g.plots = [];
    g.made = g.home.clientWidth;
    if (!g.made) return;
    busy = true;
    g.plots = g.panels.map(function (p, i) {
      var data = [p.times].concat(p.series.map(function (s) { return s.values; }));
      return new uPlot(options(p, g.made, i === g.panels.length - 1), data, g.home);
    });
    busy = false;
  }
  function draw() { groups.forEach(drawGroup); }
  function fit() { groups.forEach(function (g) { if (g.home.clientWidth !== g.made) drawGroup(g); }); }
  draw();
  document.querySelectorAll('a[data-from]').forEach(function (a) {
    a.addEventListener('click', function () { setTimeout(function () {
      unfold();
      fit();
      groups.forEach(function (g) {
        if (!g.panels[0].candles || !g.plots.length) return;
        g.plots[0].setScale('x', {min: +a.dataset.from, max: +a.dataset.to});
        g.home.scrollIntoView();
      });
    }, 0); });
  });
  window.addEventListener('resize', fit);
  document.querySelectorAll('details').forEach(function (d) { d.addEventListener('toggle', fit); });
})();
