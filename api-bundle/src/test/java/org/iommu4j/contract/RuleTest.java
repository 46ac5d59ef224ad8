package org.iommu4j.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** At least one request for each rule that the core checks, with the answer to the byte. */
class RuleTest {
    private static final byte[] DESCRIPTOR = new byte[16];
    private static final int INVALIDATE = 76;
    private static final int BIND = 48;

    /** A request and the answer that it must get. */
    private record Vector(
            String what,
            Terms terms,
            long request,
            byte[] bytes,
            Rule rule,
            Errno errno,
            String field,
            int offset,
            long value) {
        @Override
        public String toString() {
            return rule + ": " + what;
        }
    }

    static Stream<Vector> vectors() {
        return Stream.of(
                number("unknown number", IommuModel.INTEL, 0x3b7d, 0x3b7d),
                number("powerpc's map on another model", IommuModel.INTEL, 0x20003b71, 0x20003b71),
                number("map with high bits", IommuModel.SPAPR, 0x1_0000_3b71L, 0x1_0000_3b71L),
                map("map of 31 bytes", Uapi.MAP_ARGSZ, 31, Rule.V3, Errno.EINVAL, "argsz", 0, 31),
                unmap("unmap of 23 bytes", Uapi.UNMAP_ARGSZ, 23, Rule.V3, Errno.EINVAL, "argsz", 0, 23),
                map("map one too long", Uapi.MAP_ARGSZ, 33, Rule.V4, Errno.EFAULT, "argsz", 0, 33),
                patched(
                        "a byte behind an unmap",
                        Uapi.VFIO_IOMMU_UNMAP_DMA,
                        Arrays.copyOf(unmap(), 32),
                        bytes -> {
                            Uapi.UNMAP_ARGSZ.put(bytes, 0, Abi.LP64_LE, 32);
                            bytes[31] = 1;
                        },
                        Rule.V9,
                        Errno.E2BIG,
                        "data",
                        31,
                        1),
                map("VADDR, which a map may not have", Uapi.MAP_FLAGS, 7, Rule.V13, Errno.EOPNOTSUPP, "flags", 4, 7),
                unmap("dirty bitmap", Uapi.UNMAP_FLAGS, 1, Rule.V13, Errno.EOPNOTSUPP, "flags", 4, 1),
                map("map of nothing", Uapi.MAP_SIZE, 0, Rule.V19, Errno.EINVAL, "size", 24, 0),
                unmap("unmap of nothing", Uapi.UNMAP_SIZE, 0, Rule.V19, Errno.EINVAL, "size", 16, 0),
                map(
                        "guest addresses beyond 2^64",
                        Uapi.MAP_IOVA,
                        -4096L,
                        Rule.V20,
                        Errno.EOVERFLOW,
                        "size",
                        24,
                        0x2000),
                map(
                        "host addresses beyond 2^64",
                        Uapi.MAP_VADDR,
                        -4096L,
                        Rule.V20,
                        Errno.EOVERFLOW,
                        "size",
                        24,
                        0x2000),
                unmap("unmap beyond 2^64", Uapi.UNMAP_IOVA, -4096L, Rule.V20, Errno.EOVERFLOW, "size", 16, 0x2000),
                map("iova not aligned", Uapi.MAP_IOVA, 0x1008, Rule.V21, Errno.EINVAL, "iova", 16, 0x1008),
                map("vaddr not aligned", Uapi.MAP_VADDR, 0x1800, Rule.V21, Errno.EINVAL, "vaddr", 8, 0x1800),
                unmap("size not aligned", Uapi.UNMAP_SIZE, 0x1fff, Rule.V21, Errno.EINVAL, "size", 16, 0x1fff),
                map("map without a right", Uapi.MAP_FLAGS, 0, Rule.V39, Errno.EINVAL, "flags", 4, 0),
                unmap("ALL with a range", Uapi.UNMAP_FLAGS, 2, Rule.V40, Errno.EINVAL, "iova", 8, 0x10000),
                number("powerpc's number on another model", IommuModel.INTEL, 0x20003b7c, 0x20003b7c),
                number("number with high bits", IommuModel.SPAPR, 0x1_0000_3b7cL, 0x1_0000_3b7cL),
                cut("nothing readable", 0, Rule.V2, Errno.EFAULT, "argsz", 0, 0),
                cut("three bytes readable", 3, Rule.V2, Errno.EFAULT, "argsz", 0, 3),
                invalidate("argsz below 12", Uapi.ARGSZ, 11, Rule.V3, Errno.EINVAL, "argsz", 0, 11),
                invalidate("argsz 0", Uapi.ARGSZ, 0, Rule.V3, Errno.EINVAL, "argsz", 0, 0),
                invalidate("argsz one too long", Uapi.ARGSZ, INVALIDATE + 1, Rule.V4, Errno.EFAULT, "argsz", 0, 77),
                invalidate("argsz 2^32 - 1", Uapi.ARGSZ, -1, Rule.V4, Errno.EFAULT, "argsz", 0, 0xFFFF_FFFFL),
                cut("last byte missing", INVALIDATE - 1, Rule.V4, Errno.EFAULT, "argsz", 0, 76),
                invalidate("unknown operation", Uapi.FLAG, 0x10, Rule.V5, Errno.EOPNOTSUPP, "flag", 4, 0x10),
                invalidate(
                        "known and unknown operation",
                        Uapi.FLAG,
                        0x8000_0008L,
                        Rule.V5,
                        Errno.EOPNOTSUPP,
                        "flag",
                        4,
                        0x8000_0008L),
                invalidate("no operation", Uapi.FLAG, 0, Rule.V6, Errno.EINVAL, "flag", 4, 0),
                invalidate("two operations", Uapi.FLAG, 0x9, Rule.V6, Errno.EINVAL, "flag", 4, 9),
                invalidate(
                        "length overflows",
                        Uapi.LENGTH,
                        0xFFFF_FFF4L,
                        Rule.V7,
                        Errno.EOVERFLOW,
                        "length",
                        8,
                        0xFFFF_FFF4L),
                invalidate(
                        "longest length that does not overflow",
                        Uapi.LENGTH,
                        0xFFFF_FFF3L,
                        Rule.V8,
                        Errno.EINVAL,
                        "length",
                        8,
                        0xFFFF_FFF3L),
                invalidate("length one too long", Uapi.LENGTH, 65, Rule.V8, Errno.EINVAL, "length", 8, 65),
                patched(
                        "a byte behind the data",
                        invalidation(),
                        bytes -> {
                            bytes[75] = (byte) 0x80;
                            Uapi.LENGTH.put(bytes, 0, Abi.LP64_LE, 48);
                        },
                        Rule.V9,
                        Errno.E2BIG,
                        "data",
                        75,
                        0x80),
                invalidate("data without an inner part", Uapi.LENGTH, 47, Rule.V10, Errno.EINVAL, "length", 8, 47),
                patched(
                        "bind without a header",
                        binding(),
                        bytes -> Uapi.LENGTH.put(bytes, 0, Abi.LP64_LE, 19),
                        Rule.V9,
                        Errno.E2BIG,
                        "data",
                        32,
                        0x34),
                patched(
                        "bind too short for its header",
                        Arrays.copyOf(binding(), 31),
                        bytes -> {
                            Uapi.ARGSZ.put(bytes, 0, Abi.LP64_LE, 31);
                            Uapi.LENGTH.put(bytes, 0, Abi.LP64_LE, 19);
                        },
                        Rule.V10,
                        Errno.EINVAL,
                        "length",
                        8,
                        19),
                invalidate("hole not zero", Uapi.HOLE, 1, Rule.V11, Errno.EINVAL, "reserved", 24, 1),
                bind(
                        "reserved not zero",
                        Uapi.BIND_RESERVED,
                        0x8000_0000L,
                        Rule.V11,
                        Errno.EINVAL,
                        "reserved",
                        28,
                        0x8000_0000L),
                invalidate("unknown scope", Uapi.SCOPE, 7, Rule.V12, Errno.EOPNOTSUPP, "scope", 12, 7),
                invalidate("unknown flag", Uapi.FLAGS, 4, Rule.V13, Errno.EOPNOTSUPP, "flags", 16, 4),
                bind("unknown flag", Uapi.BIND_FLAGS, 2, Rule.V13, Errno.EOPNOTSUPP, "flags", 24, 2),
                bind(
                        "unknown vendor flag",
                        Uapi.BIND_FLAGS,
                        0x2_0000,
                        Rule.V13,
                        Errno.EOPNOTSUPP,
                        "flags",
                        24,
                        0x2_0000),
                invalidate("PASID and NO_PASID", Uapi.FLAGS, 1, Rule.V14, Errno.EINVAL, "flags", 16, 1),
                patched(
                        "NO_PASID with a pasid",
                        invalidation(),
                        bytes -> {
                            Uapi.SCOPE.put(bytes, 0, Abi.LP64_LE, 2);
                            Uapi.FLAGS.put(bytes, 0, Abi.LP64_LE, 1);
                        },
                        Rule.V15,
                        Errno.EINVAL,
                        "pasid",
                        20,
                        0x45),
                invalidate("pasid without its scope", Uapi.SCOPE, 2, Rule.V16, Errno.EINVAL, "pasid", 20, 0x45),
                invalidate("pasid of 21 bits", Uapi.PASID, 1 << 20, Rule.V17, Errno.EINVAL, "pasid", 20, 1 << 20),
                invalidate(
                        "pasid with the top bit",
                        Uapi.PASID,
                        0x8000_0001L,
                        Rule.V17,
                        Errno.EINVAL,
                        "pasid",
                        20,
                        0x8000_0001L),
                invalidate(
                        "vaddr without its scope", Uapi.SCOPE, 1, Rule.V18, Errno.EINVAL, "vaddr", 28, 0x7f0000400000L),
                patched(
                        "size without its scope",
                        invalidation(),
                        bytes -> {
                            Uapi.SCOPE.put(bytes, 0, Abi.LP64_LE, 1);
                            Uapi.VADDR.put(bytes, 0, Abi.LP64_LE, 0);
                        },
                        Rule.V18,
                        Errno.EINVAL,
                        "size",
                        36,
                        0x200000),
                invalidate("range of nothing", Uapi.SIZE, 0, Rule.V19, Errno.EINVAL, "size", 36, 0),
                patched(
                        "range beyond 2^64",
                        invalidation(),
                        bytes -> {
                            Uapi.VADDR.put(bytes, 0, Abi.LP64_LE, 0xFFFF_FFFF_FFFF_F000L);
                            Uapi.SIZE.put(bytes, 0, Abi.LP64_LE, 0x2000);
                        },
                        Rule.V20,
                        Errno.EOVERFLOW,
                        "size",
                        36,
                        0x2000),
                invalidate("vaddr not aligned", Uapi.VADDR, 0x800, Rule.V21, Errno.EINVAL, "vaddr", 28, 0x800),
                invalidate("size not aligned", Uapi.SIZE, 0x1001, Rule.V21, Errno.EINVAL, "size", 36, 0x1001),
                patched(
                        "leaf of no range",
                        invalidation(),
                        bytes -> {
                            Uapi.SCOPE.put(bytes, 0, Abi.LP64_LE, 1);
                            Uapi.VADDR.put(bytes, 0, Abi.LP64_LE, 0);
                            Uapi.SIZE.put(bytes, 0, Abi.LP64_LE, 0);
                        },
                        Rule.V22,
                        Errno.EINVAL,
                        "flags",
                        16,
                        2),
                invalidate("unknown model", Uapi.MODEL, 5, Rule.V28, Errno.EOPNOTSUPP, "model", 44, 5),
                invalidate(
                        "model with the top bit",
                        Uapi.MODEL,
                        0xFFFF_FFFFL,
                        Rule.V28,
                        Errno.EOPNOTSUPP,
                        "model",
                        44,
                        0xFFFF_FFFFL),
                bind("unknown model", Uapi.BIND_MODEL, 99, Rule.V28, Errno.EOPNOTSUPP, "model", 16, 99),
                invalidate("another model", Uapi.MODEL, 3, Rule.V29, Errno.ENODEV, "model", 44, 3),
                bind("another model", Uapi.BIND_MODEL, 2, Rule.V29, Errno.ENODEV, "model", 16, 2),
                invalidate(
                        "another generation",
                        Uapi.SUB_VERSION,
                        0x0100,
                        Rule.V30,
                        Errno.EPROTONOSUPPORT,
                        "sub_version",
                        48,
                        0x0100),
                bind(
                        "another generation",
                        Uapi.BIND_SUB_VERSION,
                        0x0111,
                        Rule.V30,
                        Errno.EPROTONOSUPPORT,
                        "sub_version",
                        20,
                        0x0111),
                invalidate(
                        "inner length overflows",
                        Uapi.DATA_LENGTH,
                        -48L,
                        Rule.V31,
                        Errno.EOVERFLOW,
                        "length",
                        52,
                        -48L),
                invalidate("longest inner length", Uapi.DATA_LENGTH, -49L, Rule.V31, Errno.EINVAL, "length", 52, -49L),
                invalidate("inner length one too long", Uapi.DATA_LENGTH, 17, Rule.V31, Errno.EINVAL, "length", 52, 17),
                bind("size is not the length", Uapi.BIND_SIZE, 35, Rule.V31, Errno.EINVAL, "size", 12, 35),
                patched(
                        "a byte behind the vendor part",
                        invalidation(),
                        bytes -> {
                            Uapi.DATA_LENGTH.put(bytes, 0, Abi.LP64_LE, 0);
                            bytes[70] = 1;
                        },
                        Rule.V32,
                        Errno.E2BIG,
                        "data",
                        70,
                        1),
                invalidate("vendor part too short", Uapi.DATA_LENGTH, 8, Rule.V33, Errno.EINVAL, "length", 52, 8),
                patched(
                        "vendor part of a bind too short",
                        Arrays.copyOf(binding(), 47),
                        bytes -> {
                            Uapi.ARGSZ.put(bytes, 0, Abi.LP64_LE, 47);
                            Uapi.LENGTH.put(bytes, 0, Abi.LP64_LE, 35);
                            Uapi.BIND_SIZE.put(bytes, 0, Abi.LP64_LE, 35);
                        },
                        Rule.V33,
                        Errno.EINVAL,
                        "size",
                        12,
                        35),
                patched(
                        "reserved bit of a bind's vendor part",
                        binding(),
                        bytes -> bytes[32 + 9] |= 0x02,
                        Rule.V34,
                        Errno.EINVAL,
                        "reserved",
                        9,
                        0x200),
                patched(
                        "reserved code of a bind's vendor part",
                        binding(),
                        bytes -> bytes[32 + 2] |= 0x03,
                        Rule.V34,
                        Errno.EINVAL,
                        "kind",
                        2,
                        3),
                patched(
                        "bind that is not specified",
                        binding(),
                        bytes -> Uapi.FLAG.put(bytes, 0, Abi.LP64_LE, 1),
                        Rule.V37,
                        Errno.EOPNOTSUPP,
                        "flag",
                        4,
                        1),
                patched(
                        "bind that is not specified, without data",
                        new byte[12],
                        bytes -> {
                            Uapi.ARGSZ.put(bytes, 0, Abi.LP64_LE, 12);
                            Uapi.FLAG.put(bytes, 0, Abi.LP64_LE, Uapi.BIND_PASID);
                        },
                        Rule.V37,
                        Errno.EOPNOTSUPP,
                        "flag",
                        4,
                        2));
    }

    @ParameterizedTest
    @MethodSource("vectors")
    void shouldRefuseWithTheRuleFieldOffsetValueAndErrno(Vector vector) {
        Completion completion = new Completion();
        completion.done(Fidelity.WIDENED);
        byte[] before = vector.bytes.clone();

        int result =
                new RequestReader(vector.terms).read(vector.request, vector.bytes, 0, vector.bytes.length, completion);

        assertEquals(vector.rule, completion.rule(), completion::toString);
        assertEquals(vector.errno, completion.errno());
        assertEquals(vector.errno.code(), result);
        assertEquals(vector.field, completion.field());
        assertEquals(vector.offset, completion.offset());
        assertEquals(vector.value, completion.value());
        assertEquals(vector.rule.text(), completion.reason());
        assertEquals(0, completion.handled());
        assertEquals(Fidelity.EXACT, completion.fidelity());
        assertEquals(HexFormat.of().formatHex(before), HexFormat.of().formatHex(vector.bytes));
    }

    @Test
    void shouldHaveAVectorForEachRuleThatTheCoreChecks() {
        Set<Rule> covered =
                vectors().map(Vector::rule).collect(Collectors.toCollection(() -> EnumSet.noneOf(Rule.class)));
        Set<Rule> left = EnumSet.allOf(Rule.class);
        left.removeAll(covered);

        // Rules that depend on the memory of the container are checked by the core, behind the reader.
        left.removeAll(EnumSet.range(Rule.V41, Rule.V50));
        assertEquals(EnumSet.of(Rule.V23, Rule.V24, Rule.V25, Rule.V26, Rule.V27, Rule.V35, Rule.V36, Rule.V38), left);
        for (Rule rule : left) {
            assertTrue(rule.stage() == Rule.Stage.BACKEND || rule.stage() == Rule.Stage.SEMANTIC, rule::toString);
        }
    }

    @Test
    void shouldCoverEveryErrnoOfEveryRuleThatTheCoreChecks() {
        for (Rule rule : EnumSet.range(Rule.V1, Rule.V22)) {
            assertEquals(Set.copyOf(rule.errnos()), errnosSeen(rule), rule::toString);
        }
        for (Rule rule : List.of(Rule.V28, Rule.V29, Rule.V30, Rule.V31, Rule.V32, Rule.V33, Rule.V37)) {
            assertEquals(Set.copyOf(rule.errnos()), errnosSeen(rule), rule::toString);
        }
    }

    @Test
    void shouldCheckInTheOrderThatTheContractFixes() {
        List<String> order = Arrays.stream(Rule.values()).map(Rule::name).toList();

        assertEquals(50, order.size());
        assertEquals(List.of("V34", "V36", "V35", "V37", "V38", "V39", "V40"), order.subList(33, 40));
        for (int i = 0; i < 33; i++) {
            assertEquals("V" + (i + 1), order.get(i));
        }
    }

    @Test
    void shouldDecideByTheFirstBrokenRule() {
        byte[] bytes = invalidation();
        Uapi.HOLE.put(bytes, 0, Abi.LP64_LE, 9);
        Uapi.SCOPE.put(bytes, 0, Abi.LP64_LE, 0xF0);
        Uapi.MODEL.put(bytes, 0, Abi.LP64_LE, 77);
        RequestImage image = new RequestImage(SampleTerms.intel(Abi.LP64_LE));

        assertEquals(
                Rule.V11, image.over(Uapi.VFIO_IOMMU_OP, bytes, 0, bytes.length).firstBroken());
        assertFalse(Rule.V12.holds(image));
        assertFalse(Rule.V28.holds(image));
    }

    @Test
    void shouldSayInEveryRowWhatHoldsAndWhereItComesFrom() {
        for (Rule rule : Rule.values()) {
            assertFalse(rule.text().isBlank(), rule::toString);
            assertTrue(rule.source().matches("[YKJAQDH]\\d+(, [YKJAQDH]\\d+)*"), rule::toString);
        }
    }

    private static Set<Errno> errnosSeen(Rule rule) {
        return vectors()
                .filter(vector -> vector.rule == rule)
                .map(Vector::errno)
                .collect(Collectors.toSet());
    }

    private static byte[] invalidation() {
        return new RequestWriter(Abi.LP64_LE, IommuModel.INTEL, 0x0110)
                .invalidate(3, 2, 0x45, 0x7f0000400000L, 0x200000, DESCRIPTOR);
    }

    private static byte[] binding() {
        byte[] payload = SampleTerms.LAYOUT.encode(0x1234, 0x5000);
        byte[] bytes = new RequestWriter(Abi.LP64_LE, IommuModel.INTEL, 0x0110).bind(Uapi.BIND_PGTABLE, 0, payload);
        assertEquals(BIND, bytes.length);
        return bytes;
    }

    private static Vector number(String what, IommuModel model, long request, long value) {
        Terms terms = new Terms(Abi.LP64_LE, model, 0x0110, Set.of(16), 12, 20, List.of());
        return new Vector(what, terms, request, invalidation(), Rule.V1, Errno.ENOTTY, "request", -1, value);
    }

    private static Vector cut(String what, int length, Rule rule, Errno errno, String field, int offset, long value) {
        return patched(what, Arrays.copyOf(invalidation(), length), bytes -> {}, rule, errno, field, offset, value);
    }

    private static Vector invalidate(
            String what, CStruct.Field patch, long to, Rule rule, Errno errno, String field, int offset, long value) {
        return patched(
                what, invalidation(), bytes -> patch.put(bytes, 0, Abi.LP64_LE, to), rule, errno, field, offset, value);
    }

    private static Vector bind(
            String what, CStruct.Field patch, long to, Rule rule, Errno errno, String field, int offset, long value) {
        return patched(
                what, binding(), bytes -> patch.put(bytes, 0, Abi.LP64_LE, to), rule, errno, field, offset, value);
    }

    private static byte[] map() {
        return new RequestWriter(Abi.LP64_LE, IommuModel.INTEL, 0x0110)
                .map(new Mapping(0x10000, 0x40000, 0x2000, Uapi.MAP_FLAG_READ));
    }

    private static byte[] unmap() {
        return new RequestWriter(Abi.LP64_LE, IommuModel.INTEL, 0x0110).unmap(0x10000, 0x2000, 0);
    }

    private static Vector map(
            String what, CStruct.Field patch, long to, Rule rule, Errno errno, String field, int offset, long value) {
        return patched(
                what,
                Uapi.VFIO_IOMMU_MAP_DMA,
                map(),
                bytes -> patch.put(bytes, 0, Abi.LP64_LE, to),
                rule,
                errno,
                field,
                offset,
                value);
    }

    private static Vector unmap(
            String what, CStruct.Field patch, long to, Rule rule, Errno errno, String field, int offset, long value) {
        return patched(
                what,
                Uapi.VFIO_IOMMU_UNMAP_DMA,
                unmap(),
                bytes -> patch.put(bytes, 0, Abi.LP64_LE, to),
                rule,
                errno,
                field,
                offset,
                value);
    }

    private static Vector patched(
            String what,
            byte[] bytes,
            Consumer<byte[]> patch,
            Rule rule,
            Errno errno,
            String field,
            int offset,
            long value) {
        return patched(what, Uapi.VFIO_IOMMU_OP, bytes, patch, rule, errno, field, offset, value);
    }

    private static Vector patched(
            String what,
            long request,
            byte[] bytes,
            Consumer<byte[]> patch,
            Rule rule,
            Errno errno,
            String field,
            int offset,
            long value) {
        patch.accept(bytes);
        return new Vector(what, SampleTerms.intel(Abi.LP64_LE), request, bytes, rule, errno, field, offset, value);
    }
}
