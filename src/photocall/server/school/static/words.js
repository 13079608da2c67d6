// What the pages say of a status, of a similarity, and of a face that is too poor to count.

export const STATUSES = ["present", "late", "excused", "absent"];
// Those that a person can give.

const NAMES = {
  present: "Present",
  late: "Late",
  excused: "Excused",
  absent: "Absent",
  uncertain: "Not sure",
};

const ALIKE = [
  [99, "very alike"],
  [95, "alike"],
  [80, "somewhat alike"],
  [0, "hardly alike"],
];

const REASONS = {
  EXTREME_POSE: "turned away",
  LOW_BRIGHTNESS: "too dark",
  LOW_SHARPNESS: "blurred",
  LOW_CONFIDENCE: "hardly a face",
  LOW_FACE_QUALITY: "a poor picture",
  SMALL_BOUNDING_BOX: "too small",
};

export function statusName(status) {
  return NAMES[status] ?? "Not called yet";
}

export function similarityTold(similarity) {
  if (similarity === null || similarity === undefined) return "";
  const [, words] = ALIKE.find(([least]) => similarity >= least);
  return `${words}, ${similarity.toFixed(1)} %`;
}

export function reasonsTold(reasons) {
  const all = Array.isArray(reasons) ? reasons : String(reasons || "").split(",");
  return all.filter(Boolean).map((each) => REASONS[each] ?? each.toLowerCase().replaceAll("_", " ")).join(", ");
}

export function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
