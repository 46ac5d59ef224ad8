package org.iommu4j.core.explain;

import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.StringJoiner;
import java.util.function.Function;
import org.iommu4j.backend.Generation;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.BindFormat;
import org.iommu4j.contract.CStruct;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.RequestReader;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Terms;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.service.ExplainService;
import org.iommu4j.core.service.Explanation;
import org.iommu4j.core.service.Explanation.Line;
import org.iommu4j.core.service.Explanation.Part;
import org.iommu4j.core.service.Explanation.Verdict;
import org.iommu4j.layout.Layout;

/** Explains one request of the contract: header, vendor part, and what the core answers. Calls foreign code. */
public final class RequestExplanation {
    /** Bytes of an unknown vendor part that are shown in one line. */
    private static final int BYTES_A_LINE = 16;

    private final Abi abi;
    private final int askedSubVersion;
    private final byte[] bytes;
    private final List<String> notes = new ArrayList<>();
    private Formats formats;

    RequestExplanation(Abi abi, int subVersion, byte[] bytes) {
        this.abi = abi;
        askedSubVersion = subVersion;
        this.bytes = bytes;
    }

    /**
     * The explanation.
     *
     * @param model the container's; null for the one that the request names
     * @param backends gives the formats of a model, or null
     * @param absence tells why none serves a model; empty if nothing is known
     */
    Explanation with(IommuModel model, Function<IommuModel, Formats> backends, Function<IommuModel, String> absence) {
        IommuModel named = IommuModel.ofCode((int) read(invalidates() ? Uapi.MODEL : Uapi.BIND_MODEL, -1));
        IommuModel container = model != null ? model : named;
        formats = container == null ? null : backends.apply(container);
        if (formats == null) {
            notes.add(
                    container == null
                            ? "the request names no model: the vendor part is not decoded"
                            : "model '" + container.label() + "' is not installed: the vendor part is not decoded, and"
                                    + " what depends on its generation is not checked");
            String why = container == null ? "" : absence.apply(container);
            if (!why.isEmpty()) {
                notes.add("not serving: " + why);
            }
        }
        Generation generation = generation();
        Terms terms = terms(container, generation);
        List<Part> vendor = vendorParts(terms, generation != null);
        Verdict verdict = verdict(terms, vendor);
        List<Part> parts = new ArrayList<>();
        parts.add(fixed(Uapi.OPERATION_INFO, verdict));
        if (hasInner()) {
            Part inner = fixed(inner(), verdict);
            if (!inner.lines().isEmpty()) {
                parts.add(inner);
            }
        }
        parts.addAll(vendor);
        String subject =
                "request of " + Formats.bytes(bytes.length) + ", " + abi.label() + ", " + operation(read(Uapi.FLAG, 0));
        return Explanation.of(subject, parts, verdict, notes);
    }

    /** The generation against which the request is checked; null if there is none. */
    private Generation generation() {
        if (formats == null) {
            return null;
        }
        int own = (int) read(invalidates() ? Uapi.SUB_VERSION : Uapi.BIND_SUB_VERSION, 0);
        int wanted = askedSubVersion == ExplainService.ANY ? own : askedSubVersion;
        Generation generation = formats.description().generation(wanted);
        if (generation == null) {
            List<Generation> all = formats.generations(ExplainService.ANY);
            generation = all.isEmpty() ? null : all.get(0);
            if (generation != null) {
                notes.add("sub_version " + Generation.text(wanted) + " is no generation of model "
                        + formats.description().model().label() + ": checked against "
                        + Generation.text(generation.subVersion()));
            }
        }
        return generation;
    }

    private Terms terms(IommuModel container, Generation generation) {
        if (generation == null) {
            // Terms under which no model refuses anything: any vendor part, any range.
            return new Terms(
                    abi,
                    container == null ? IommuModel.ofCode(0) : container,
                    (int) read(invalidates() ? Uapi.SUB_VERSION : Uapi.BIND_SUB_VERSION, 0),
                    Set.of(0, -1),
                    0,
                    0,
                    List.of());
        }
        return new Terms(
                abi,
                container,
                generation.subVersion(),
                generation.payloadLengths(),
                generation.granuleShift(),
                generation.pasidBits(),
                formats.bindFormats());
    }

    private Verdict verdict(Terms terms, List<Part> vendor) {
        Completion completion = new Completion();
        int result = new RequestReader(terms).read(Uapi.VFIO_IOMMU_OP, bytes, 0, bytes.length, completion);
        boolean known = formats != null || completion.rule() != Rule.V37;
        if (result < 0 && known) {
            return new Verdict(
                    completion.rule() == null ? "" : completion.rule().name(),
                    completion.errno(),
                    completion.field(),
                    completion.offset(),
                    completion.value(),
                    completion.reason());
        }
        for (Part part : vendor) {
            for (Line line : part.lines()) {
                if (line.wrong()) {
                    return new Verdict(
                            Rule.V34.name(),
                            Rule.V34.errno(),
                            line.field(),
                            part.offset() - payloadOffset() + line.offset(),
                            Long.parseUnsignedLong(line.value().substring(2), 16),
                            "in the vendor part: " + Rule.V34.text());
                }
            }
        }
        return new Verdict(
                "",
                Errno.OK,
                "",
                -1,
                0,
                formats == null
                        ? "no rule that can be checked without the model refuses it"
                        : "no rule of the core refuses it; V35, V36 and what else depends on the bound devices its"
                                + " translator checks");
    }

    private List<Part> vendorParts(Terms terms, boolean known) {
        List<Part> parts = new ArrayList<>();
        int at = payloadOffset();
        if (!hasInner() || at >= bytes.length) {
            return parts;
        }
        long declared = invalidates()
                ? read(Uapi.DATA_LENGTH, 0)
                : Math.max(0, read(Uapi.BIND_SIZE, 0) - Uapi.BIND_HEADER.size(abi));
        int end = Long.compareUnsigned(declared, bytes.length - at) < 0 ? at + (int) declared : bytes.length;
        if (end < bytes.length) {
            notes.add("behind the vendor part there are " + Formats.bytes(bytes.length - end) + " more");
        }
        if (known && !invalidates()) {
            bindFlags(terms, parts);
        }
        while (known && at < end) {
            Layout layout = layoutAt(terms, at, end);
            if (layout == null) {
                break;
            }
            parts.add(formats.part(layout, terms.subVersion(), at, layout.decode(bytes, at)));
            at += layout.sizeBytes();
            if (!invalidates()) {
                break;
            }
        }
        if (at < end) {
            parts.add(plain(at, end));
        }
        return parts;
    }

    /** Explains the vendor's flags of the bind header, if a layout declares them. */
    private void bindFlags(Terms terms, List<Part> parts) {
        BindFormat format = terms.bindFormat((int) read(Uapi.FLAG, 0));
        Layout flags = format == null ? null : formats.layout(format.layout().name() + " flags");
        if (flags != null && flags.sizeBytes() == Uapi.BIND_FLAGS.bytes()) {
            parts.add(formats.part(
                    flags, terms.subVersion(), Uapi.BIND_FLAGS.argumentOffset(abi), new long[] {read(Uapi.BIND_FLAGS, 0)
                    }));
        }
    }

    /** The format of the vendor part at an offset; null if none fits. */
    private Layout layoutAt(Terms terms, int at, int end) {
        if (!invalidates()) {
            BindFormat format = terms.bindFormat((int) read(Uapi.FLAG, 0));
            return format != null && format.layout().sizeBytes() <= end - at ? format.layout() : null;
        }
        for (Layout layout : formats.payloads(terms.subVersion())) {
            if (layout.sizeBytes() <= end - at
                    && Formats.hasOpcode(layout, terms.subVersion(), layout.decode(bytes, at))) {
                return layout;
            }
        }
        return null;
    }

    private Part plain(int from, int to) {
        List<Line> lines = new ArrayList<>();
        for (int at = from; at < to; at += BYTES_A_LINE) {
            int last = Math.min(to, at + BYTES_A_LINE);
            lines.add(new Line(
                    "data",
                    "bytes " + (at - from) + "-" + (last - from - 1),
                    at - from,
                    HexFormat.of().formatHex(bytes, at, last),
                    at == from && formats != null ? "no format of the generation has this size and opcode" : "",
                    false));
        }
        return new Part("vendor part", "", from, lines);
    }

    private Part fixed(CStruct structure, Verdict verdict) {
        List<Line> lines = new ArrayList<>();
        for (CStruct.Field field : structure.fields()) {
            if (!field.isIn(abi)) {
                continue;
            }
            int first = field.offset(abi);
            if (!isThere(field)) {
                notes.add(structure.name() + "." + field.name() + " and what follows is cut off: "
                        + Formats.bytes(bytes.length) + (bytes.length == 1 ? " is" : " are") + " there");
                break;
            }
            long value = field.get(bytes, 0, abi);
            boolean wrong = verdict.errno() != Errno.OK
                    && verdict.field().equals(field.name())
                    && verdict.offset() == field.argumentOffset(abi);
            lines.add(new Line(
                    field.name(),
                    "bytes " + first + "-" + (first + field.bytes() - 1),
                    first,
                    Formats.hex(value),
                    meaning(field, value),
                    wrong));
        }
        return new Part(structure.name(), structure.section(), structure.start(), lines);
    }

    private String meaning(CStruct.Field field, long value) {
        if (field.equals(Uapi.FLAG)) {
            return operation(value);
        }
        if (field.equals(Uapi.SCOPE)) {
            return bits(value, Uapi.SCOPE_PASID, "PASID", Uapi.SCOPE_VADDR, "VADDR", "the whole domain");
        }
        if (field.equals(Uapi.FLAGS)) {
            return bits(value, Uapi.FLAGS_NO_PASID, "NO_PASID", Uapi.FLAGS_VADDR_LEAF, "VADDR_LEAF", "none");
        }
        if (field.equals(Uapi.BIND_FLAGS)) {
            return bits(value, Uapi.BIND_FLAG_UNBIND, "UNBIND", 0, "", "bind");
        }
        if (field.equals(Uapi.MODEL) || field.equals(Uapi.BIND_MODEL)) {
            IommuModel model = value >>> (Integer.SIZE - 1) == 0 ? IommuModel.ofCode((int) value) : null;
            return model == null ? "no model" : model.constant() + ": " + model.label();
        }
        if (field.equals(Uapi.SUB_VERSION) || field.equals(Uapi.BIND_SUB_VERSION)) {
            Generation generation =
                    formats == null ? null : formats.description().generation((int) value);
            return generation == null ? field.meaning() : generation.name();
        }
        return field.meaning();
    }

    private static String bits(long value, int first, String name, int second, String other, String none) {
        StringJoiner text = new StringJoiner(" | ");
        if ((value & first) != 0) {
            text.add(name);
        }
        if ((value & second) != 0) {
            text.add(other);
        }
        long rest = value & ~(first | second);
        if (rest != 0) {
            text.add(Formats.hex(rest));
        }
        return text.length() == 0 ? none : text.toString();
    }

    private static String operation(long flag) {
        return switch ((int) flag) {
            case Uapi.BIND_PASIDTBL -> "BIND_PASIDTBL";
            case Uapi.BIND_PASID -> "BIND_PASID";
            case Uapi.BIND_PGTABLE -> "BIND_PGTABLE";
            case Uapi.INVAL_IOTLB -> "INVAL_IOTLB";
            default -> "no operation";
        };
    }

    private boolean invalidates() {
        return read(Uapi.FLAG, 0) == Uapi.INVAL_IOTLB;
    }

    /** True if the operation says how the data is read. */
    private boolean hasInner() {
        long flag = read(Uapi.FLAG, 0);
        return Long.bitCount(flag) == 1 && (flag & Uapi.FLAG_MASK) != 0;
    }

    private CStruct inner() {
        return invalidates() ? Uapi.TLB_INVALIDATE : Uapi.BIND_HEADER;
    }

    private int payloadOffset() {
        return Uapi.DATA_OFFSET + inner().size(abi);
    }

    private boolean isThere(CStruct.Field field) {
        return field.isIn(abi) && field.argumentOffset(abi) + field.bytes() <= bytes.length;
    }

    private long read(CStruct.Field field, long absent) {
        return isThere(field) ? field.get(bytes, 0, abi) : absent;
    }
}
