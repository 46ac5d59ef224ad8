package org.iommu4j.amd.hardware;

import static org.iommu4j.amd.SpecVectors.hex;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.iommu4j.amd.SpecVectors;
import org.iommu4j.amd.SpecVectors.Vector;
import org.iommu4j.amd.command.AmdViGeneration;
import org.iommu4j.amd.command.AmdViRegisters.Control;
import org.iommu4j.amd.command.AmdViRegisters.DevTabSegment;
import org.iommu4j.amd.command.AmdViRegisters.Exclusion;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.DmaAccess.AddressType;
import org.iommu4j.backend.Sanitizer;
import org.iommu4j.layout.BitField;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every walk vector of docs/spec/amd-vi.md 8, in every cache configuration, from the tables and again from the caches. */
final class WalkVectorsTest {
    private static final long NO_WORD = 0;

    static Stream<Vector> walks() {
        return SpecVectors.of("walk");
    }

    @ParameterizedTest
    @MethodSource("walks")
    void shouldAnswerAsTheSpecificationSays(Vector vector) {
        for (CacheConfig cache : CacheConfig.values()) {
            new Run(vector, AmdViUnit.recipe().cache(cache)).assertAnswersTwice();
        }
    }

    @ParameterizedTest
    @MethodSource("walks")
    void shouldAnswerTheSameWhileObservedAndLeaveNothingToFind(Vector vector) {
        Run run =
                new Run(vector, AmdViUnit.recipe().cache(CacheConfig.WORST_CASE).sanitized());
        run.assertAnswersTwice();
        Sanitizer sanitizer = run.unit.platform.sanitizer();
        assertEquals(List.of(), sanitizer.report().findings());
    }

    /** One vector on one unit. */
    private static final class Run {
        private final Vector vector;
        private final AmdViUnit unit;
        private final Map<Long, Long> memory = new TreeMap<>();
        private final DmaAccess access = new DmaAccess();
        private final boolean translationRequest;

        Run(Vector vector, AmdViUnit.Recipe recipe) {
            this.vector = vector;
            String[] words = vector.input().split(" ", -1);
            Map<String, String> options = new HashMap<>();
            long[] entry = null;
            long entryAt = -1;
            int at = 1;
            for (; !words[at].equals("mem") && !words[at].equals("req"); at++) {
                if (words[at].equals("dte")) {
                    if (words[at + 1].equals("at")) {
                        entryAt = hex(words[at + 2]);
                        at += 2;
                    }
                    String value = words[++at];
                    entry = value.equals("none")
                            ? null
                            : Stream.of(value.split(",", -1))
                                    .mapToLong(SpecVectors::hex)
                                    .toArray();
                } else {
                    String[] pair = words[at].split("=", -1);
                    options.put(pair[0], pair[1]);
                }
            }
            if (words[at].equals("mem")) {
                for (at++; !words[at].equals("req"); at++) {
                    if (words[at].contains(":")) {
                        SpecVectors.put(memory, words[at]);
                    } else {
                        memory.putAll(SpecVectors.image(words[at]));
                    }
                }
            }
            int device = (int) hex(words[++at]);
            if (entry != null) {
                long base = entryAt < 0 ? AmdViUnit.DEVICE_TABLE + device * 32L : entryAt;
                for (int i = 0; i < entry.length; i++) {
                    memory.put(base + 8L * i, entry[i]);
                }
            }
            unit = unit(words[0], recipe, options);
            access.begin(device, 0, DmaAccess.READ);
            for (at++; words[at].length() > 1; at++) {
                switch (words[at]) {
                    case "at=R" -> access.as(AddressType.TRANSLATION_REQUEST);
                    case "at=T" -> access.as(AddressType.TRANSLATED);
                    case "priv" -> access.asPrivileged();
                    default -> access.withPasid((int) hex(words[at].substring("pasid=".length())));
                }
            }
            int pasid = access.pasid();
            boolean privileged = access.privileged();
            AddressType type = access.addressType();
            int rights = switch (words[at]) {
                case "W" -> DmaAccess.WRITE;
                case "X" -> DmaAccess.EXECUTE;
                default -> DmaAccess.READ;
            };
            access.begin(device, hex(words[at + 1]), rights).withPasid(pasid).as(type);
            if (privileged) {
                access.asPrivileged();
            }
            if (words[at].equals("A")) {
                access.asAtomic();
            }
            translationRequest = type == AddressType.TRANSLATION_REQUEST;
        }

        private AmdViUnit unit(String profile, AmdViUnit.Recipe recipe, Map<String, String> options) {
            recipe.generation(
                    switch (profile) {
                        case "P1" -> AmdViGeneration.V1;
                        case "P2" -> AmdViGeneration.V2;
                        case "P3" -> AmdViGeneration.V3;
                        default -> AmdViGeneration.NESTED;
                    });
            if (options.containsKey("ram")) {
                recipe.ram(hex(options.get("ram")));
            }
            if (options.containsKey("segs")) {
                recipe.field("efr", "DevTblSegSup", 3);
            }
            AmdViUnit made = recipe.make();
            memory.forEach(made.memory::writeLongLe);
            if (options.containsKey("excl")) {
                String[] range = options.get("excl").split("[-,]", -1);
                made.write(Exclusion.BASE_REGISTER, hex(range[0]) | hex(range[2]));
                made.write(Exclusion.LIMIT_REGISTER, hex(range[1]));
            }
            if (profile.equals("P5")) {
                made.on(Control.GCR3_TRP_MODE);
            }
            if (options.containsKey("segs")) {
                int tables = Integer.numberOfTrailingZeros(Integer.parseInt(options.get("segs")));
                for (int segment = 1; segment < 8; segment++) {
                    String place = options.get("seg" + segment);
                    if (place != null) {
                        String[] parts = place.split(",", -1);
                        made.write(DevTabSegment.of(segment), hex(parts[0]) | hex(parts[1]));
                    }
                }
                for (int bit = 0; bit < 2; bit++) {
                    if ((tables >>> bit & 1) != 0) {
                        made.on(bitOf(bit));
                    }
                }
            }
            made.translating(options.containsKey("size") ? (int) hex(options.get("size")) : 0x1ff);
            return made;
        }

        private static BitField bitOf(int bit) {
            BitField field = Control.DEV_TBL_SEG_EN;
            return new BitField(field.name(), 0, field.shift() + bit, 1, false, List.of(), 0, "", "");
        }

        void assertAnswersTwice() {
            assertAnswers();
            assertAnswers();
        }

        private void assertAnswers() {
            unit.chip.translate(access);
            String expected = vector.expected().replaceAll(" sets .*", "");
            List<String> events = unit.events();
            String got = switch (access.outcome()) {
                case TRANSLATED -> translationRequest ? answer() : translated();
                case FAULT ->
                    events.isEmpty()
                            ? translationRequest ? "answer r=0 w=0" : "blocked, no event"
                            : "event " + events.get(0);
                default -> access.outcome().name();
            };
            assertEquals(expected, got, vector::toString);
            assertEquals(got.startsWith("event") ? 1 : 0, events.size());
            assertSets();
        }

        private String translated() {
            String place = "pa=" + Long.toHexString(access.spa());
            return place
                    + (access.pageBytes() == 0 ? " untranslated" : " page=" + Long.toHexString(access.pageBytes()));
        }

        private String answer() {
            return "answer r=" + (access.grantedRights() & 1) + " w=" + (access.grantedRights() >> 1 & 1) + " pa="
                    + Long.toHexString(access.spa()) + " page=" + Long.toHexString(access.pageBytes());
        }

        /** Words of tables are as they were but for accessed and dirty bits that the vector names. */
        private void assertSets() {
            Map<Long, Long> after = new TreeMap<>(memory);
            int sets = vector.expected().indexOf(" sets ");
            if (sets >= 0) {
                for (String pair :
                        vector.expected().substring(sets + " sets ".length()).split(" ", -1)) {
                    SpecVectors.put(after, pair);
                }
            }
            after.forEach((pa, word) -> {
                if (word != NO_WORD) {
                    assertEquals(
                            Long.toHexString(word), Long.toHexString(unit.memory.readLongLe(pa)), vector::toString);
                }
            });
        }
    }
}
