// superdsm_nb: nuclei of the image in front, or of its selection, as regions in the ROI Manager of ImageJ or Fiji.
// Written by superdsm-nb scripts. To use it: Plugins > Macros > Run...

program = "{program}";  // if it has moved: write this file again

if (nImages == 0) exit("Open an image first.");
image = getImageID();
argument = getArgument();  // "diameter,more options,map", all of which may be empty: then nothing is asked
if (argument == "") {
    Dialog.create("superdsm_nb");
    Dialog.addString("Diameter of a nucleus (31, or 12um; empty: measured)", "", 8);
    Dialog.addString("More options (--preset published)", "", 30);
    Dialog.addCheckbox("Open the label map as well", false);
    Dialog.show();
    diameter = Dialog.getString();
    more = Dialog.getString();
    isMapWanted = Dialog.getCheckbox();
} else {
    parts = split(argument + ", , ", ",");
    diameter = String.trim(parts[0]);
    more = String.trim(parts[1]);
    isMapWanted = matches(parts[2], ".*map.*");
}

// The plane in front goes to a file, cut to the bounds of the selection.
left = 0;
top = 0;
if (selectionType() >= 0) getSelectionBounds(left, top, width, height);
slice = getSliceNumber();
isStack = nSlices > 1;
start = getDirectory("temp") + "superdsm_nb-" + d2s(getTime(), 0);
run("Duplicate...", "title=superdsm_nb");
run("Select None");
saveAs("Tiff", start + ".tif");
close();
selectImage(image);

command = newArray(program, "segment", start + ".tif", "-o", start + "-labels.tif", "--rois", start + ".zip", "--json");
if (diameter != "") command = Array.concat(command, "--diameter=" + diameter);
if (more != "") {
    options = split(more, " ");
    command = Array.concat(command, options);
}
showStatus("superdsm_nb is segmenting...");
said = run_command(command);
if (!File.exists(start + ".zip")) {
    remove(start);
    if (said == "") said = "the program is missing, or an option is wrong: " + diameter + " " + more;
    exit("superdsm_nb has not segmented the image:\n" + said);
}

// New regions come after those that are there already, in the place of the selection and in the plane.
before = roiManager("count");
roiManager("Open", start + ".zip");
added = newArray(roiManager("count") - before);
for (i = 0; i < added.length; i++) added[i] = before + i;
if (added.length > 0) {
    roiManager("select", added);
    if (left > 0 || top > 0) roiManager("translate", left, top);
    if (isStack) RoiManager.setPosition(slice);
    roiManager("deselect");
}
if (isMapWanted) {
    open(start + "-labels.tif");
    run("3-3-2 RGB");
}
remove(start);
selectImage(image);
roiManager("Show All");
showStatus("superdsm_nb: " + added.length + " regions");

function run_command(words) {
    if (words.length > 14) exit("Give at most 6 words of more options.");
    while (words.length < 14) words = Array.concat(words, "--quiet");  // exec takes a fixed number of words
    return exec(words[0], words[1], words[2], words[3], words[4], words[5], words[6], words[7], words[8],
        words[9], words[10], words[11], words[12], words[13]);
}

function remove(start) {
    endings = newArray(".tif", "-labels.tif", ".zip");
    for (i = 0; i < endings.length; i++)
        if (File.exists(start + endings[i])) ok = File.delete(start + endings[i]);
}
