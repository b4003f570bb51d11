// Draws the charts of the operations page. The server builds their options and puts them into the page,
// which keeps itself up to date; the colours are those of the page and follow light and dark.

import { LineChart } from "echarts/charts";
import { GridComponent, LegendComponent, TooltipComponent } from "echarts/components";
import { init, use, type ECharts } from "echarts/core";
import { LabelLayout } from "echarts/features";
import { CanvasRenderer } from "echarts/renderers";

use([LineChart, GridComponent, LegendComponent, TooltipComponent, LabelLayout, CanvasRenderer]);

/** One accent; the other lines are told apart by their names and by shades beside it. */
const COLOURS = ["--accent", "--chart-2", "--chart-3", "--chart-4", "--chart-5", "--chart-6"];

type Option = Record<string, unknown>;

const charts = new Map<HTMLElement, ECharts>();

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function merged(option: Option, part: string, more: Option): Option {
  return { ...(option[part] as Option), ...more };
}

/** The server's option in the page's colours. */
function painted(option: Option): Option {
  const [text, line] = [colour("--text-muted"), colour("--line")];
  const axis = { axisLine: { lineStyle: { color: line } }, splitLine: { lineStyle: { color: line } } };
  return {
    ...option,
    color: COLOURS.map(colour),
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
    legend: merged(option, "legend", { textStyle: { color: text }, pageTextStyle: { color: text }, pageIconColor: text }),
    tooltip: merged(option, "tooltip", {
      backgroundColor: colour("--surface-raised"),
      borderColor: line,
      textStyle: { color: colour("--text") },
      axisPointer: { lineStyle: { color: text } },
    }),
    xAxis: merged(option, "xAxis", {
      ...axis,
      axisLabel: merged((option["xAxis"] as Option), "axisLabel", { color: text }),
      splitLine: { show: false },
    }),
    yAxis: merged(option, "yAxis", { ...axis, axisLabel: { color: text } }),
    series: (option["series"] as Option[]).map((series) => ({
      ...series,
      lineStyle: { width: 2 },
      endLabel: merged(series, "endLabel", { color: text }),
    })),
  };
}

/** Draws what the page says now. */
function draw(): void {
  const told = document.querySelector<HTMLElement>("#figures")?.dataset["options"];
  if (!told) return;
  const options = JSON.parse(told) as Record<string, Option>;
  for (const place of document.querySelectorAll<HTMLElement>("[data-chart]")) {
    const option = options[place.dataset["chart"] ?? ""];
    if (!option) continue;
    let chart = charts.get(place);
    if (!chart) {
      place.replaceChildren();
      chart = init(place, undefined, { renderer: "canvas" });
      charts.set(place, chart);
    }
    chart.setOption(painted(option), { replaceMerge: ["series"] });
  }
}

document.addEventListener("kontor:part", (event) => {
  if ((event as CustomEvent<string>).detail === "figures") draw();
});
new ResizeObserver(() => charts.forEach((chart) => chart.resize())).observe(document.body);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
draw();
