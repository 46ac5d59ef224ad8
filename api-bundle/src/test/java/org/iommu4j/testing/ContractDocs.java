package org.iommu4j.testing;

import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.CStruct;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;

/** The contract's tables as markdown. */
public final class ContractDocs {
    private ContractDocs() {}

    /** A structure in its images: offsets from its own start and, in brackets, from the start of the argument. */
    public static String struct(CStruct struct) {
        StringBuilder text =
                new StringBuilder("| field | type | LP64 (both orders) | i386 | meaning |\n|---|---|---|---|---|\n");
        for (CStruct.Field field : struct.fields()) {
            text.append("| `").append(field.name()).append("` | u").append(field.bytes() * Byte.SIZE);
            text.append(" | ").append(place(struct, field, Abi.LP64_LE));
            text.append(" | ").append(place(struct, field, Abi.I386));
            text.append(" | ").append(LayoutDocs.escape(field.meaning())).append(" |\n");
        }
        if (!struct.equals(Uapi.MAP_DMA) && !struct.equals(Uapi.UNMAP_DMA)) {
            text.append("| `data[]` | bytes | ").append(end(struct, Abi.LP64_LE));
            text.append(" | ").append(end(struct, Abi.I386)).append(" | |\n");
        }
        return text.toString();
    }

    /** {@code enum iommu_model}. */
    public static String models() {
        StringBuilder text = new StringBuilder(
                "| value | constant | name here | byte order of the vendor part |\n|---|---|---|---|\n");
        for (IommuModel model : IommuModel.values()) {
            text.append("| ")
                    .append(model.code())
                    .append(" | `")
                    .append(model.constant())
                    .append("` | `");
            text.append(model.label()).append("` | ");
            text.append(model.payloadOrder().toString().toLowerCase(Locale.ROOT).replace('_', ' '))
                    .append(" |\n");
        }
        return text.toString();
    }

    /** The rules in the order in which they are checked. */
    public static String rules() {
        StringBuilder text = new StringBuilder(
                "| rule | checked by | field | what holds | errno | from |\n|---|---|---|---|---|---|\n");
        for (Rule rule : Rule.values()) {
            String errnos = rule.errnos().stream().map(Errno::name).collect(Collectors.joining(", "));
            text.append("| ").append(rule).append(" | ").append(rule.stage().text());
            text.append(" | ").append(rule.field());
            text.append(" | ").append(LayoutDocs.escape(rule.text()));
            text.append(" | ").append(errnos.isEmpty() ? "-" : errnos);
            text.append(" | ").append(rule.source()).append(" |\n");
        }
        return text.toString();
    }

    /** The errors with their numbers. */
    public static String errnos() {
        StringBuilder text = new StringBuilder("| errno | number | meaning |\n|---|---|---|\n");
        for (Errno errno : Errno.values()) {
            text.append("| ").append(errno == Errno.OK ? "(none)" : errno.name());
            text.append(" | ").append(errno.number());
            text.append(" | ").append(LayoutDocs.escape(errno.text())).append(" |\n");
        }
        return text.toString();
    }

    /** A request taken apart: each field with its place and bytes, then the vendor part. */
    public static String dissected(byte[] request, Abi abi, CStruct inner) {
        StringBuilder text = new StringBuilder("| bytes | field | value | in memory |\n|---|---|---|---|\n");
        for (CStruct struct : List.of(Uapi.OPERATION_INFO, inner)) {
            for (CStruct.Field field : struct.fields()) {
                if (field.isIn(abi)) {
                    int from = field.argumentOffset(abi);
                    text.append(row(request, from, from + field.bytes(), "`" + field.name() + "`"));
                    text.append(LayoutDocs.hex(field.get(request, 0, abi))).append(" | ");
                    text.append(bytes(request, from, from + field.bytes())).append(" |\n");
                }
            }
        }
        int from = Uapi.DATA_OFFSET + inner.size(abi);
        text.append(row(request, from, request.length, "vendor part")).append(" | ");
        return text.append(bytes(request, from, request.length)).append(" |\n").toString();
    }

    private static String row(byte[] request, int from, int to, String name) {
        return String.format(Locale.ROOT, "| %d to %d | %s | ", from, Math.min(to, request.length) - 1, name);
    }

    private static String bytes(byte[] request, int from, int to) {
        return "`" + HexFormat.ofDelimiter(" ").formatHex(request, from, to) + "`";
    }

    private static String place(CStruct struct, CStruct.Field field, Abi abi) {
        return field.isIn(abi) ? place(struct, field.offset(abi)) : "absent";
    }

    private static String end(CStruct struct, Abi abi) {
        return place(struct, struct.size(abi));
    }

    private static String place(CStruct struct, int offset) {
        return struct.start() == 0 ? String.valueOf(offset) : offset + " [" + (struct.start() + offset) + "]";
    }
}
