"use strict";
// The tables of words: only the rows of one page exist as elements, so that 20,000 words stay fast.
(() => {
  const PAGE = 50; // rows shown at a time
  const TRUTH_TAGS = ["", "mark"]; // around the pieces of a row's marks; report_html.py has the same
  const READING_TAGS = ["", "ins", "del"];
  const SEARCHED = ["image", "label", "prediction", "group", "problem"];
  const data = JSON.parse(document.getElementById("words-data").textContent);
  const pictures = new Map(Object.entries(data.pictures));
  const collator = new Intl.Collator(undefined, { numeric: true });

  const FILTERS = {
    all: () => true,
    wrong: (words, row) => words.edits[row] > 0,
    right: (words, row) => words.edits[row] === 0,
    unlabelled: (words, row) => words.edits[row] === null && !isUnread(words, row),
    unread: isUnread,
  };

  function isUnread(words, row) {
    return words.problem[row] !== "" && words.prediction[row] === "" && words.confidence[row] === null;
  }

  function columnsOf(model) {
    return Object.fromEntries(Object.entries(model).map(([name, number]) => [name, data.columns[number]]));
  }

  function element(tag, text, kind) {
    const made = tag ? document.createElement(tag) : document.createTextNode(text);
    if (tag && text !== undefined) made.textContent = text;
    if (kind) made.className = kind;
    return made;
  }

  // Rows in ascending order of a column; those without a value (null or "") stand apart, to be last either way.
  function sorted(values) {
    const filled = [];
    const empty = [];
    values.forEach((value, row) => (value === null || value === "" ? empty : filled).push(row));
    const isNumber = typeof values[filled[0]] === "number";
    filled.sort(isNumber ? (a, b) => values[a] - values[b] : (a, b) => collator.compare(values[a], values[b]));
    return { filled, empty };
  }

  function marked(pieces, tags) {
    return pieces.map((piece, turn) => (piece ? element(tags[turn % tags.length], piece) : ""));
  }

  function textCell(...content) {
    const cell = element("td");
    cell.dir = "auto";
    cell.append(...content);
    return cell;
  }

  const CELLS = {
    image(words, row) {
      const cell = element("td");
      const address = pictures.get(words.image[row]);
      if (address) {
        const picture = element("img");
        picture.src = address;
        picture.alt = "";
        cell.append(picture);
      }
      cell.append(element("bdi", words.image[row], "name"));
      return cell;
    },
    label(words, row) {
      return words.marks[row] ? textCell(...marked(words.marks[row][0], TRUTH_TAGS)) : textCell(words.label[row] || "–");
    },
    prediction(words, row) {
      if (words.marks[row]) return textCell(...marked(words.marks[row][1], READING_TAGS));
      return textCell(words.prediction[row] || "–");
    },
    confidence(words, row) {
      const value = words.confidence[row];
      return element("td", value === null ? "–" : value.toFixed(4), "number");
    },
    edits(words, row) {
      const value = words.edits[row];
      return element("td", value === null ? "–" : value ? `✗ ${value}` : "✓ 0", "number");
    },
    group: (words, row) => textCell(words.group[row]),
    problem: (words, row) => textCell(words.problem[row]),
  };

  function wordsTable(root) {
    const words = columnsOf(data.models[Number(root.dataset.model)]);
    const total = words.image.length;
    const find = (selector) => root.querySelector(selector);
    const heads = [...root.querySelectorAll("th[data-column]")];
    const state = { column: "confidence", ascending: true, page: 0 };
    const orders = new Map();
    let haystack = null; // made at the first search: the rows' texts in lower case
    let chosen = [];

    function order() {
      if (!orders.has(state.column)) orders.set(state.column, sorted(words[state.column]));
      const { filled, empty } = orders.get(state.column);
      return [...(state.ascending ? filled : filled.toReversed?.() ?? [...filled].reverse()), ...empty];
    }

    function choose() {
      const query = find(".query").value.normalize("NFC").toLowerCase().trim();
      if (query && !haystack) {
        const text = (row) => SEARCHED.map((name) => words[name][row]).join("\n").normalize("NFC").toLowerCase();
        haystack = Array.from({ length: total }, (_, row) => text(row));
      }
      const passes = FILTERS[find(".filter").value];
      chosen = order().filter((row) => passes(words, row) && (!query || haystack[row].includes(query)));
      state.page = 0;
      show();
    }

    function show() {
      const pages = Math.max(1, Math.ceil(chosen.length / PAGE));
      state.page = Math.min(Math.max(state.page, 0), pages - 1);
      const rows = chosen.slice(state.page * PAGE, (state.page + 1) * PAGE).map((row) => {
        const line = element("tr");
        line.append(...heads.map((head) => CELLS[head.dataset.column](words, row)));
        return line;
      });
      find("tbody").replaceChildren(...rows);
      const first = state.page * PAGE + 1;
      const number = (value) => value.toLocaleString("en");
      find(".status").textContent = chosen.length
        ? `Words ${number(first)} to ${number(first + rows.length - 1)} of ${number(chosen.length)}` +
          (chosen.length < total ? ` found among ${number(total)}` : "")
        : `None of the ${number(total)} words. Empty the search, or show all.`;
      find(".where").textContent = `Page ${number(state.page + 1)} of ${number(pages)}`;
      for (const button of root.querySelectorAll("[data-page]")) {
        const back = ["first", "previous"].includes(button.dataset.page);
        // aria-disabled, not disabled: a button that is disabled loses the keyboard's focus.
        button.setAttribute("aria-disabled", String(back ? state.page === 0 : state.page === pages - 1));
      }
    }

    function sortBy(column, ascending) {
      Object.assign(state, { column, ascending });
      for (const head of heads) {
        const active = head.dataset.column === column;
        if (active) head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
        else head.removeAttribute("aria-sort");
      }
      choose();
    }

    function preset(filter, ascending) {
      find(".query").value = "";
      find(".filter").value = filter;
      sortBy("confidence", ascending);
    }

    for (const head of heads) {
      const column = head.dataset.column;
      head.querySelector("button").addEventListener("click", () => {
        // A column begins with what is worth seeing: texts from A, confidence from the least, edits from the most.
        sortBy(column, state.column === column ? !state.ascending : column !== "edits");
      });
    }
    const moves = { first: () => 0, previous: () => state.page - 1, next: () => state.page + 1, last: () => Infinity };
    for (const button of root.querySelectorAll("[data-page]")) {
      button.addEventListener("click", () => {
        state.page = moves[button.dataset.page]();
        show();
      });
    }
    find(".query").addEventListener("input", choose);
    find(".filter").addEventListener("change", choose);
    find("form").addEventListener("submit", (event) => event.preventDefault());
    find(".least").addEventListener("click", () => preset("all", true));
    find(".sure")?.addEventListener("click", () => preset("wrong", false));
    preset("all", true);
    root.hidden = false;
  }

  document.querySelectorAll(".words").forEach(wordsTable);
  document.documentElement.classList.add("scripted"); // the fixed tables are for paper from here on
})();
